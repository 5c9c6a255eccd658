// Option values: jobs, sizes, durations, counts, and the message for each mistake.
import Testing

@testable import luafleet

@Suite struct JobsTests {
    @Test(arguments: [
        ("4", 4), ("1", 1), ("100%", 8), ("50%", 4), ("12.5%", 1), ("1%", 1), ("200%", 16), ("+0", 8), ("+2", 10),
        ("-1", 7), ("-100", 1),
    ])
    func `-j on 8 processors`(text: String, expected: Int) throws {
        #expect(try Jobs.parse(text).count(processors: 8) == expected)
    }

    @Test(arguments: [
        ("0", "-j 0: at least 1 task has to run at a time"),
        ("0%", "-j 0%: at least 1 task has to run at a time"),
        ("x", "-j x: not a number of tasks (write 4, 50%, +1 or -1)"),
        ("", "-j : not a number of tasks (write 4, 50%, +1 or -1)"),
        ("+", "-j +: not a number of tasks (write 4, 50%, +1 or -1)"),
        ("--k", "-j --k: not a number of tasks (write 4, 50%, +1 or -1)"),
        ("4.5", "-j 4.5: not a number of tasks (write 4, 50%, +1 or -1)"),
        ("%", "-j %: not a percentage of the processors (write 50%)"),
        ("nan%", "-j nan%: not a percentage of the processors (write 50%)"),
        ("99999999999999999999", "-j 99999999999999999999: at most 65536 tasks can run at a time"),
    ])
    func `-j that cannot be`(text: String, message: String) {
        #expect(throws: UsageError(message)) { try Jobs.parse(text) }
    }
}

@Suite struct SizeTests {
    @Test(arguments: [
        ("1", 1), ("512K", 512 << 10), ("64M", 64 << 20), ("1G", 1 << 30), ("2T", 2 << 40), ("64MiB", 64 << 20),
        ("1k", 1000), ("2m", 2_000_000), ("0.5K", 512), ("1.5G", 3 << 29),
    ])
    func `sizes`(text: String, bytes: Int) throws {
        #expect(try parseByteCount(text, option: "--memory") == bytes)
    }

    @Test(arguments: ["64X", "", "M", "-1", "1e9", "64MB", "iB", "K5", "0x10"])
    func `what is no size`(text: String) {
        let message = "--memory \(text): not a size (write 64M, 1G, 512K or a number of bytes)"
        #expect(throws: UsageError(message)) { try parseByteCount(text, option: "--memory") }
    }

    @Test func `a size is neither nothing nor more than there is`() {
        #expect(throws: UsageError("--memory 0: at least 1 byte")) { try parseByteCount("0", option: "--memory") }
        #expect(throws: UsageError("--memory 99999999T: more than any machine has")) {
            try parseByteCount("99999999T", option: "--memory")
        }
    }
}

@Suite struct SecondsTests {
    @Test(arguments: [
        ("10", Duration.seconds(10)), ("0.5", .milliseconds(500)), (".25", .milliseconds(250)), ("1m30s", .seconds(90)),
        ("2h", .seconds(7200)), ("1d", .seconds(86_400)), ("1m30", .seconds(90)), ("0.001", .milliseconds(1)),
    ])
    func `durations`(text: String, expected: Duration) throws {
        #expect(try parseSeconds(text, option: "--timeout") == expected)
    }

    @Test(arguments: ["", "x", "5x", "-1", "1e3", "inf", "s", "1..2"])
    func `what is no duration`(text: String) {
        let message = "--timeout \(text): not a duration (write seconds: 10 or 0.5; or 1m30s, 2h, 1d)"
        #expect(throws: UsageError(message)) { try parseSeconds(text, option: "--timeout") }
    }

    @Test func `a duration is more than nothing and less than a century`() {
        #expect(throws: UsageError("--timeout 0: has to be more than 0 seconds")) {
            try parseSeconds("0", option: "--timeout")
        }
        #expect(throws: UsageError("--timeout 99999d: more than a century")) {
            try parseSeconds("99999d", option: "--timeout")
        }
    }
}

@Suite struct NearestNameTests {
    @Test func `a typing error or two are seen through`() {
        #expect(nearestName(to: "rnu", in: ["run", "demo", "bench"]) == "run")
        #expect(nearestName(to: "doctr", in: ["run", "doctor"]) == "doctor")
        #expect(nearestName(to: "fresh_process", in: ["shared", "fresh-process"]) == "fresh-process")
    }

    @Test func `something else entirely is not`() {
        #expect(nearestName(to: "xyz", in: ["run", "demo", "bench"]) == nil)
        #expect(nearestName(to: "x", in: []) == nil)
    }
}

@Suite struct ShownBytesTests {
    @Test func `what is shown is one line of text`() {
        #expect(Bytes("a\nb\t\u{1B}[31m".utf8).shown() == #"a\nb\t\u{1B}[31m"#)
        #expect([0xFF, 0x61].shown() == "\u{FFFD}a")
        #expect(Bytes(repeating: 0x61, count: 5000).shown(limit: 10) == "aaaaaaaaa…")
    }
}
