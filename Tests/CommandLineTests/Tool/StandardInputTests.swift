// Inputs from a pipe that nobody named: read where they come from a pipeline, never waited for where they do not.
import Testing

@testable import luafleet

@Suite struct StandardInputTests {
    private func scratch() -> Scratch {
        let scratch = Scratch()
        scratch.write("t.lua", "print(#arg, ...)")
        return scratch
    }

    @Test func `F55: an endless pipe without '-' is read as it is needed`() {
        let result = scratch().shell("yes 2>/dev/null | $LUAFLEET run t.lua | head -n 3")
        #expect(result == ToolResult(output: "1\ty\n1\ty\n1\ty\n", errors: "", status: 0))
    }

    @Test func `a command of the pipeline that is slow to begin is waited for`() {
        // What decides is that the writer is there, not when it writes: it waits for a file that is made once we have had our moment.
        let scratch = scratch()
        let result = scratch.shell(
            """
            (until [ -e go ]; do sleep 0.01; done; echo late) | $LUAFLEET run t.lua & pid=$!
            sleep 0.3; : > go; wait $pid
            """)
        #expect(result == ToolResult(output: "1\tlate\n", errors: "", status: 0))
    }

    @Test func `a pipeline that ends without a line is no input, and the script runs once`() {
        #expect(scratch().shell("true | $LUAFLEET run t.lua").output == "0\n")
        #expect(scratch().shell("sleep 0.3 | $LUAFLEET run t.lua").output == "0\n")
    }

    @Test func `nothing, a closed descriptor, a file and an idle pipe of whoever started us do not hang`() {
        let scratch = scratch()
        #expect(scratch.shell("$LUAFLEET run t.lua </dev/null").output == "0\n")
        #expect(scratch.shell("$LUAFLEET run t.lua <&-").output == "0\n")
        #expect(scratch.shell("$LUAFLEET run t.lua <t.lua").output == "0\n")
        // As cron, sshd or a test runner do: the pipe's writer is the shell that starts us, and it never writes.
        #expect(scratch.shell("mkfifo in; exec 3<>in; $LUAFLEET run t.lua <in").output == "0\n")
    }

    @Test func `what /proc says of a process and of a descriptor`() {
        #expect(PipeWriters.parent("12 (a ) b (c) S 7 12 12 0\n") == 7)
        #expect(PipeWriters.parent("nonsense") == nil)
        #expect(PipeWriters.isForWriting("pos:\t0\nflags:\t0100001\nmnt_id:\t9\n"))
        #expect(PipeWriters.isForWriting("flags:\t02\n"))
        #expect(!PipeWriters.isForWriting("pos:\t0\nflags:\t02000000\n"))
        #expect(!PipeWriters.isForWriting("pos:\t0\n"))
    }
}
