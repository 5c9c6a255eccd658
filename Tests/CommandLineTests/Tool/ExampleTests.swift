// F68: every example is run, and its output compared.
import Testing

@testable import luafleet

private func example(_ name: String) -> String { repositoryFolder() + "/Scripts/examples/" + name }

@Suite struct ExampleTests {
    @Test func `hello`() {
        let scratch = Scratch()
        #expect(scratch.luafleet("run", example("hello.lua")).output == "hello, world\n")
        #expect(
            scratch.luafleet("run", "-k", example("hello.lua"), ":::", "Ada", "Edsger W.").output
                == "hello, Ada\nhello, Edsger W.\n")
    }

    @Test func `F68: word count, mapped and reduced`() {
        let scratch = Scratch()
        scratch.write("one.txt", "The cat, the dog.\nIt's the end\n")
        scratch.write("two.txt", "A dog; a DOG!\n")
        scratch.write("none.txt", "")
        let result = scratch.luafleet("run", "-k", example("wordcount.lua"), ":::", "one.txt", "two.txt", "none.txt")
        #expect(
            result.output == """
                one.txt                                   7 words     5 different  the 3, cat 1, dog 1, end 1, it's 1
                two.txt                                   4 words     2 different  a 2, dog 2
                none.txt                                  0 words     0 different  \("")

                """)
        #expect(result.status == 0)
        let tally = scratch.luafleet(
            "run", "-k", "--call", "tally", example("wordcount.lua"), ":::", "one.txt", "two.txt")
        #expect(tally.output == "3\tthe\n1\tcat\n1\tdog\n1\tend\n1\tit's\n2\ta\n2\tdog\n")
        let missing = scratch.luafleet("run", example("wordcount.lua"), ":::", "nowhere.txt")
        #expect(missing.status == 1)
        #expect(missing.errors.contains("script error: nowhere.txt: No such file or directory\n"))
    }

    @Test func `n queens`() {
        let scratch = Scratch()
        let queens = example("nqueens.lua")
        #expect(
            scratch.luafleet("run", "-k", "--call", "solutions", queens, ":::", "1", "2", "3", "4", "5", "6", "7", "8")
                .output
                == "1\t1\n2\t0\n3\t0\n4\t2\n5\t10\n6\t4\n7\t40\n8\t92\n")
        #expect(scratch.luafleet("run", queens, ":::", "6").output == "6\t4\n")
        #expect(
            scratch.luafleet(
                "run", "-k", "--call", "with_first_at", queens, ":::", "6", ":::", "1", "2", "3", "4", "5", "6"
            ).output
                == "0\n1\n1\n1\n1\n0\n")
        #expect(
            scratch.luafleet("run", "--call", "solutions", queens, ":::", "x").errors.contains(
                "a board has 1 to 20 rows, not \"x\""))
    }

    @Test func `the Mandelbrot picture is the same in one piece and in bands`() {
        let scratch = Scratch()
        let script = example("mandelbrot.lua")
        let result = scratch.shell(
            """
            $LUAFLEET run -k \(script) ::: header $(seq 40) > bands.pgm && $LUAFLEET run \(script) ::: all > whole.pgm &&
            cmp bands.pgm whole.pgm && head -c 16 whole.pgm && wc -c < whole.pgm
            """)
        #expect(result == ToolResult(output: "P5\n1280 800\n255\n1024016\n", errors: "", status: 0))
    }

    @Test func `F02: the isolation demo`() throws {
        let result = Scratch().luafleet("demo", "isolation")
        #expect(result.status == 0)
        let processes = result.output.split(separator: "\n").compactMap { line -> Substring? in
            line.contains(" found nothing; left a global of ") ? line.split(separator: " ").dropFirst(2).first : nil
        }
        #expect(processes.count == IsolationDemo.names.count)
        #expect(Set(processes).count == IsolationDemo.names.count)
        #expect(contents(example("isolation.lua")) == IsolationDemo.script)
    }

    @Test func `shared workers are not isolated: the example tells`() {
        let result = Scratch().luafleet(
            "run", "-k", "-j", "1", "--isolation", "shared", example("isolation.lua"), ":::", "red", "green")
        #expect(result.output.contains("green: "))
        #expect(result.output.contains("found a global of red, a module of red, a string method of red;"))
    }

    @Test func `F41: doctor counts the processors of taskset`() {
        let result = Scratch().luafleet("doctor", prefix: ["taskset", "-c", "0"])
        #expect(result.status == 0)
        #expect(result.output.contains("1 unless -j says otherwise"))
        #expect(result.output.contains("luafleet-worker"))
        #expect(result.output.contains("Lua 5.4, answered after "))
    }

    @Test func `doctor says what the kernel offers, and what a missing layer means`() {
        let result = Scratch().luafleet("doctor")
        for words in [
            "Program\n", "Processors\n", "Kernel ", "Landlock", "keeps a script from system calls", "no_new_privs",
            "memfd", "close_range", "Sandbox\n", " safe ", " locked ", "Limits\n", "open descriptors",
        ] {
            #expect(result.output.contains(words), "\(words) is not in \(result.output)")
        }
        #expect(result.errors.isEmpty)
    }

    @Test func `F03: the containment demo: each bad script ends in its own way, each good one is right`() {
        let result = Scratch().luafleet("demo", "containment")
        #expect(result.status == 0 && result.errors.isEmpty, "\(result)")
        let lines = result.output.split(separator: "\n").map(String.init)
        for (title, outcome) in [
            ("segfaults", "contained: "), ("loops in C", "contained: "), ("eats memory", "contained: "),
            ("reads a secret file", "denied: "), ("fork-bombs", "denied: "), ("loops for ever", "contained: "),
        ] {
            #expect(
                lines.contains { $0.hasPrefix("  ok \(title) ") && $0.contains(outcome) }, "\(title): \(result.output)")
        }
        for number in [1000, 2000, 3000, 4000] {
            #expect(
                lines.count { $0.hasPrefix("  ok right answer \(number) ") && $0.hasSuffix("returned \(number)") } == 2)
        }
        #expect(!result.output.contains("  !! "))
        #expect(lines.last == "Every bad script failed alone, and every good one was right.")
    }

    @Test(arguments: ["/bin/false", "/bin/cat", "/nonexistent/worker", "/"])
    func `doctor and run name a worker that is none`(worker: String) {
        let scratch = Scratch()
        scratch.write("t.lua", "print(1)")
        let doctor = scratch.luafleet("doctor", prefix: ["env", "LUAFLEET_WORKER=\(worker)"])
        #expect(doctor.status == 255)
        #expect(doctor.output.contains("!! worker"))
        let run = scratch.luafleet("run", "t.lua", prefix: ["env", "LUAFLEET_WORKER=\(worker)"])
        #expect(run.status == 255)
        #expect(run.output == "")
        #expect(run.errors.hasPrefix("luafleet: ") && run.errors.contains(worker))
        #expect(run.errors.split(separator: "\n").count == 1)
    }
}
