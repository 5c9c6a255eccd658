// Help, manual page, completions: whatever option there is stands in all of them.
import Testing

@testable import luafleet

private func text(_ words: String...) throws -> String {
    guard case .text(let text) = try Invocation(words.map { Bytes($0.utf8) }) else { throw UsageError("no text") }
    return text
}

@Suite struct HelpTests {
    /// Every long option of API.md's list for `run`.
    private static let options = [
        "jobs", "isolation", "sandbox", "timeout", "grace", "cpu-time", "memory", "instructions", "output-limit",
        "result-limit",
        "retries", "preload", "max-tasks", "keep-order", "tag", "tagstring", "line-buffer", "ungroup", "json-output",
        "quiet",
        "bar", "eta", "joblog", "resume", "resume-failed", "halt", "results", "dry-run", "delay", "seed", "colsep",
        "csv",
        "header", "link", "shuf", "call", "load", "memfree", "stats", "null", "delimiter", "json", "arg-file",
    ]

    @Test func `help names every option, and shows examples`() throws {
        let help = try text("help", "run")
        for option in Self.options { #expect(help.contains("--\(option)"), "\(option)") }
        #expect(try text("help").contains("luafleet run wordcount.lua ::: *.txt"))
        #expect(try text("help").contains("--generate-completion-script"))
    }

    @Test(arguments: ["bash", "zsh", "fish"])
    func `completions know every option`(shell: String) throws {
        let script = try text("--generate-completion-script", shell)
        for option in Self.options { #expect(script.contains(option), "\(option)") }
        #expect(script.contains("fresh-process") && script.contains("locked"))
    }

    @Test func `bash reads its completions`() {
        let result = Scratch().shell("$LUAFLEET --generate-completion-script bash | bash -n && echo fine")
        #expect(result == ToolResult(output: "fine\n", errors: "", status: 0))
    }

    @Test func `the manual page has every option, and roff reads it`() throws {
        let page = try text("help", "--man")
        for option in Self.options {
            #expect(page.contains("\\-\\-" + option.split(separator: "-").joined(separator: "\\-")), "\(option)")
        }
        #expect(page.hasPrefix(".TH LUAFLEET 1 "))
        for section in ["NAME", "SYNOPSIS", "DESCRIPTION", "LUAFLEET RUN", "LUAFLEET DEMO", "ENVIRONMENT", "SEE ALSO"] {
            #expect(page.contains(".SH \(section)\n"), "\(section)")
        }
        // No line of text is taken for a request.
        let requests: Set = ["TH", "SH", "SS", "TP", "PP", "B", "br", "nf", "fi"]
        for line in page.split(separator: "\n") where line.hasPrefix(".") {
            #expect(requests.contains(String(line.dropFirst().prefix { $0 != " " })), "\(line)")
        }
    }

    @Test func `demo speedup: a bar of each, and the ratio`() {
        let result = SpeedupDemo.Result(workers: 4, alone: 2, together: 0.5)
        #expect(
            result.lines(width: 46) == [
                "1 worker     ####################  2.000 s", "4 workers    #####...............  0.500 s", "",
                "4.00 times as fast.",
            ])
        #expect(
            SpeedupDemo.Result(workers: 1, alone: 2, together: 2).lines(width: 80).last?.hasPrefix("This machine")
                == true)
    }

    @Test func `demo speedup runs`() {
        let result = Scratch().luafleet("demo", "speedup")
        #expect(result.status == 0)
        #expect(result.errors == "")
        #expect(result.output.split(separator: "\n").count == 4)
    }
}
