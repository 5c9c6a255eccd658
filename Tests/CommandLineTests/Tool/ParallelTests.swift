// Side by side with GNU parallel: where an option has its name, it does what that does, to the byte.
import Glibc
import Testing

/// GNU parallel, not the other program of that name; Scripts/test installs it where it can.
private let hasParallel: Bool = {
    let found = Scratch().shell("parallel --version 2>/dev/null | grep -q '^GNU parallel'").status == 0
    if !found { print("GNU parallel is not here: nothing is compared with it") }
    return found
}()

@Suite(.enabled(if: hasParallel)) struct ParallelTests {
    private func scratch() -> Scratch {
        let scratch = Scratch()
        // What `echo` does with its arguments.
        scratch.write("echo.lua", "print(table.concat(arg, ' '))")
        scratch.write(
            "fail.lua",
            "local f = io.open('ours', 'a') f:write(arg[1], '\\n') f:close() print(arg[1]) if arg[1]:match('bad') then error('no', 0) end"
        )
        scratch.write(
            "fail.sh", "#!/bin/sh\necho \"$1\" >>theirs; echo \"$1\"; case $1 in *bad*) exit 1;; esac\n")
        scratch.write("abc", "a\nb\nc\n")
        scratch.write("xy", "x\ny\n")
        scratch.write("table", "name\tsize\nann\t1\nbob smith\t2\n")
        scratch.write("commas", "a,b;c,d;")
        _ = scratch.shell("printf 'n\\0m\\0' > zeros; chmod +x fail.sh")
        return scratch
    }

    /// The same words for both, after the program and its command.
    @Test(arguments: [
        "-k {} ::: a 'b c' ''", "-k {} ::: '$(id)' '*' \"it's\" 'a\\b'", "-k {1}-{2} ::: a b ::: 1 2 ::: x",
        "-k {} ::: a b :::+ 1 2", "-k {} ::: a b ::: 1 2 :::+ x y", "-k {} :::: abc", "-k {} :::: abc xy",
        "-k {2}{1} :::: abc ::: 1 2", "-k -a abc {}", "-k -a abc -a xy {1}/{2}", "-k --link {} ::: a b c ::: 1 2",
        "-k --link -a abc -a xy {}", "-k -0 -a zeros {}", "-k -d ';' -a commas {}", "-k -n 2 -a abc {}",
        "-k -n2 {1} ::: a b c d",
        "-k --colsep '\\t' -a table {2}={1}", "-k --colsep , {2} ::: a,b c,d", "-k --header : {x}{y} ::: x 1 2 ::: y 3",
        "-k --header : --colsep '\\t' -a table {name}:{size}",
        "-k {} {.} {/} {//} {/.} {#} ::: dir/a.tar.gz plain /top d.x/.hid",
        "-k {.}:{/}:{//}:{/.} ::: a.b/ a//b//c d/.. x. .x //a/b.c/ / ''", "-k {1.} {2/} {1//} ::: d/a.c ::: e/b.h",
        "-k --tag {} ::: a 'b c'", "-k --tag {2} ::: a b ::: 1 2", "-k --tagstring '<{#}\\t{/.}>' {} ::: d/a.c e/b.c",
        "-j 1 {%} ::: a b c", "-j1 {} {} ::: a b", "-k --delay 0.01 {} ::: a b", "-k --lb {} ::: a b",
        "-k --group {} ::: a",
        "-k --shuf {#} ::: a b c", "-k --retries 2 {} ::: a b", "-k --halt now,fail=1 {} ::: a b",
    ])
    func `F55 F56: the same inputs, placeholders and tags`(words: String) {
        let scratch = scratch()
        // Ours has its arguments after --.
        let parts = words.split(separator: " ::", maxSplits: 1)
        let (head, tail) = (parts[0], parts.count > 1 ? " ::" + parts[1] : "")
        let templates = head.split(separator: " ").filter { $0.contains("{") && !$0.contains("<") }.joined(
            separator: " ")
        let options = head.split(separator: " ").filter { !$0.contains("{") || $0.contains("<") }.joined(separator: " ")
        let ours = scratch.shell("$LUAFLEET run echo.lua \(options) -- \(templates)\(tail) </dev/null")
        let theirs = scratch.shell("parallel --will-cite \(options) /bin/echo \(templates)\(tail) </dev/null")
        #expect(ours.output == theirs.output)
        #expect(ours.status == theirs.status)
    }

    @Test func `standard input`() {
        let scratch = scratch()
        for words in ["-k", "-k -n 2", "-k --colsep ' '", "-k -d ,"] {
            let input = "printf 'a 1\\nb 2,c\\n'"
            let ours = scratch.shell("\(input) | $LUAFLEET run echo.lua \(words) -")
            let theirs = scratch.shell("\(input) | parallel --will-cite \(words) echo")
            #expect(ours.output == theirs.output, "\(words)")
        }
    }

    @Test(arguments: [
        "--halt now,fail=1", "--halt soon,fail=2", "--halt soon,success=2", "--halt now,done=3", "--halt soon,fail=40%",
        "--halt 1",
        "--halt 2", "--halt -1", "--halt 50%", "--retries 3", "--retries 2 --halt soon,fail=1", "",
    ])
    func `F64: what runs, how often, and what is printed`(options: String) {
        let scratch = scratch()
        let ours = scratch.shell("$LUAFLEET run fail.lua -j1 \(options) ::: a bad1 b bad2 c")
        let theirs = scratch.shell("parallel --will-cite -j1 \(options) ./fail.sh ::: a bad1 b bad2 c")
        #expect(
            scratch.read("ours").split(separator: "\n").sorted()
                == scratch.read("theirs").split(separator: "\n").sorted())
        #expect(ours.output == theirs.output)
        if !options.contains("--halt") { #expect(ours.status == theirs.status) }
    }

    @Test func `F59: the columns of the joblog`() {
        let scratch = scratch()
        _ = scratch.shell("$LUAFLEET run fail.lua -j1 --joblog ours.log ::: a bad")
        _ = scratch.shell("parallel --will-cite -j1 --joblog theirs.log ./fail.sh ::: a bad")
        func columns(_ name: String) -> String {
            scratch.shell("cut -f 1,2,5,6,7,8 \(name)").output
        }
        #expect(columns("ours.log") == columns("theirs.log"))
        #expect(scratch.shell("head -1 ours.log | cut -f 1-9").output == scratch.shell("head -1 theirs.log").output)
    }

    @Test func `F65: the folders and files of --results`() {
        let scratch = scratch()
        for (options, words) in [("", "::: a/b 'c d' ::: 1"), ("--header :", "::: x 1 2 ::: y 'a\\b'")] {
            _ = scratch.shell("rm -rf ours.d theirs.d; $LUAFLEET run echo.lua --results ours.d \(options) \(words)")
            _ = scratch.shell("parallel --will-cite --results theirs.d \(options) /bin/echo \(words)")
            let ours = scratch.shell("cd ours.d && find . -type f ! -name value -exec md5sum {} + | sort").output
            #expect(!ours.isEmpty)
            #expect(ours == scratch.shell("cd theirs.d && find . -type f -exec md5sum {} + | sort").output)
        }
    }
}
