// `luafleet run` at a terminal: the bar, the window's size, colours, Ctrl-C.
import Glibc
import Testing

@Suite struct TerminalToolTests {
    private func scripts() -> Scratch {
        let scratch = Scratch()
        scratch.write(
            "wait.lua",
            """
            local x = ...
            io.open("started" .. x, "w"):close()
            while not io.open("go" .. x) do fleet.sleep(0.005) end
            if x == "bad" then error("no", 0) end
            """)
        return scratch
    }

    @Test func `F57: --bar shows how far it is, as wide as the window`() throws {
        let scratch = scripts()
        let terminal = Terminal(columns: 60)
        terminal.start(scratch, "run", "-j2", "--bar", "wait.lua", ":::", "a", "bad")
        terminal.waitFor { _ in
            terminal.bars.contains("[....................]  0%  0/2  0 failed  2 running")
                || terminal.bars.contains { $0.hasSuffix("0%  0/2  0 failed  2 running") }
        }
        scratch.write("goa", "")
        terminal.waitFor { _ in terminal.bars.contains { $0.contains("50%  1/2  0 failed  1 running") } }
        terminal.resize(columns: 40)
        let before = terminal.bars.count
        terminal.waitFor { _ in terminal.bars.count > before + 1 }
        #expect(terminal.bars.allSatisfy { $0.count < 60 })
        #expect((terminal.bars.last?.count ?? 99) < 40)
        #expect(terminal.bars.last?.hasPrefix("50%  1/2  0 failed  1 running") == true)
        scratch.write("gobad", "")
        #expect(terminal.end() == 1)
        #expect(terminal.bars.last?.hasPrefix("100%  2/2  1 failed  0 running") == true)
        // The failure stands on a line of its own, in red, and the bar's last state on the next.
        #expect(
            terminal.text.contains("\r\u{1B}[K\u{1B}[31mluafleet: task 2 (wait.lua bad): script error: no\u{1B}[m\r\n"))
        #expect(terminal.text.hasSuffix("\r\n"))
    }

    @Test func `F57: --eta is the line without the bar`() {
        let scratch = scripts()
        scratch.write("goa", "")
        let terminal = Terminal(columns: 100)
        terminal.start(scratch, "run", "--eta", "wait.lua", ":::", "a")
        #expect(terminal.end() == 0)
        #expect(terminal.bars.last?.hasPrefix("1/1  0 failed  0 running  ") == true)
        #expect(terminal.bars.last?.hasSuffix("/s  0s left") == true)
    }

    @Test func `without --bar a terminal gets what a file gets, but for the colour of failures`() {
        let scratch = Scratch()
        scratch.write("t.lua", "print('hi') error('no', 0)")
        let terminal = Terminal()
        terminal.start(scratch, "run", "t.lua")
        #expect(terminal.end() == 1)
        #expect(terminal.text.hasPrefix("hi\r\n\u{1B}[31mluafleet: task 1 (t.lua): script error: no\u{1B}[m\r\n"))
        let plain = Terminal()
        plain.start(scratch, "run", "--quiet", "t.lua")
        #expect(plain.end() == 1)
        #expect(plain.text == "hi\r\n")
    }

    @Test func `F67: Ctrl-C once lets running tasks finish`() {
        let scratch = scripts()
        let terminal = Terminal()
        terminal.start(scratch, "run", "-j1", "wait.lua", ":::", "a", "b", output: "out")
        waitUntil { scratch.exists("starteda") }
        terminal.type("\u{03}")
        #expect(terminal.waitFor { $0.contains("interrupted: waiting for 1 running task") })
        scratch.write("goa", "")
        #expect(terminal.end() == 130)
        #expect(
            terminal.text.contains("luafleet: interrupted: 1 done, 0 failed\r\n")
                || terminal.text.contains("1 done, 0 failed, 1 not started\r\n"))
        #expect(!scratch.exists("startedb"))
    }

    @Test func `F67: Ctrl-C twice kills, with the bar and all, in three lines at most`() {
        let scratch = scripts()
        let terminal = Terminal()
        terminal.start(scratch, "run", "-j2", "--bar", "wait.lua", ":::", "a", "b", "c")
        waitUntil { scratch.exists("starteda") && scratch.exists("startedb") }
        terminal.type("\u{03}")
        #expect(terminal.waitFor { $0.contains("interrupted") })
        terminal.type("\u{03}")
        #expect(terminal.end() == 130)
        let lines = terminal.text.split(separator: "\r\n").filter { $0.contains("luafleet: ") }
        #expect(lines.count == 2)
        #expect(lines.last?.hasSuffix("luafleet: killed 2 running tasks") == true)
    }

    @Test func `F67: Ctrl-C ends a run that waits for its inputs`() {
        let scratch = Scratch()
        scratch.write("t.lua", "print(...)")
        let terminal = Terminal()
        terminal.start(scratch, "run", "t.lua", "-")
        terminal.type("one\n")
        #expect(terminal.waitFor { $0.contains("one\r\none\r\n") })
        terminal.type("\u{03}")
        #expect(terminal.end() == 130)
        #expect(terminal.text.hasSuffix("luafleet: interrupted: 1 done, 0 failed\r\n"))
    }
}
