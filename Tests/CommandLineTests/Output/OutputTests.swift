// What is printed of a task: values, failures, JSON; and the exit status.
import LuaFleet
import Testing

@testable import luafleet

private func text(_ bytes: Bytes?) -> String? { bytes.map { String(decoding: $0, as: UTF8.self) } }

private func report(_ outcome: TaskReport.Outcome, input: InputRecord = []) -> TaskReport {
    TaskReport(index: 3, script: "c.lua", input: input, outcome: outcome, seconds: 0.01, worker: 1, pid: 123)
}

@Suite struct FailureLineTests {
    @Test func `F64: a line that names task, file and cause, then the traceback`() {
        let failure = Failure(
            kind: .script, message: Bytes("c.lua:1: boom".utf8), traceback: Bytes("stack traceback:\n\t[C]: in ?".utf8))
        #expect(
            text(report(.failure(failure)).failureText)
                == "luafleet: task 3 (c.lua): script error: c.lua:1: boom\nstack traceback:\n\t[C]: in ?\n")
    }

    @Test func `the input is named, and line feeds do not break the line`() {
        let failure = Failure(kind: .timeout, message: Bytes("a\nb".utf8))
        let input: InputRecord = [.text(Bytes("x\ny".utf8)), .json(.integer(5))]
        #expect(
            text(report(.failure(failure), input: input).failureText)
                == "luafleet: task 3 (c.lua x\\ny 5): timeout: a\\nb\n")
    }

    @Test func `a task that succeeded has none`() {
        #expect(report(.values([])).failureText == nil)
    }
}

@Suite struct ValuesLineTests {
    @Test func `values as print writes them`() {
        let values: [LuaValue] = [1, 1.5, 2.0, "a b", true, .nil]
        #expect(text(report(.values(values)).valuesLine) == "1\t1.5\t2.0\ta b\ttrue\tnil\n")
    }

    @Test func `no values, no line; bytes stay bytes`() {
        #expect(report(.values([])).valuesLine == [])
        #expect(report(.values([.string(LuaString(bytes: [0xFF, 0]))])).valuesLine == [0xFF, 0, 0x0A])
    }
}

@Suite struct JSONLineTests {
    @Test func `a task that succeeded`() throws {
        var report = report(.values([1, "x\"", .nil]), input: [.text(Bytes("in".utf8))])
        report.standardOutput = Bytes("hi\n".utf8)
        #expect(
            text(try report.jsonLine()) == """
                {"index":3,"script":"c.lua","input":["in"],"ok":true,"values":[1,"x\\"",null],"stdout":"hi\\n","stderr":"",\
                "seconds":0.01,"attempts":1,"worker":1,"pid":123}

                """)
    }

    @Test func `a task that failed`() throws {
        let failure = Failure(kind: .workerDied, message: Bytes("gone".utf8), signal: 9)
        #expect(
            text(try report(.failure(failure)).jsonLine()) == """
                {"index":3,"script":"c.lua","input":[],"ok":false,"error":{"kind":"worker_died","message":"gone","traceback":"",\
                "signal":9},"stdout":"","stderr":"","seconds":0.01,"attempts":1,"worker":1,"pid":123}

                """)
    }

    @Test func `bytes that are not UTF-8 are written as base64`() throws {
        var report = report(.values([]), input: [.text([0xFF, 0x00])])
        report.standardOutput = [0xC3]
        let line = try text(report.jsonLine()) ?? ""
        #expect(line.contains(#""input":[{"base64":"/wA="}]"#))
        #expect(line.contains(#""stdout":{"base64":"ww=="}"#))
    }

    @Test func `the kinds are those of the contract`() {
        #expect(
            Failure.Kind.allCases.map(\.rawValue) == [
                "script", "timeout", "cpu_limit", "memory_limit", "instruction_limit", "output_limit", "result_limit",
                "not_encodable", "worker_died", "protocol", "setup", "cancelled",
            ])
    }
}

@Suite struct ExitStatusTests {
    @Test(arguments: [(0, 0), (1, 1), (3, 3), (100, 100), (101, 101), (5000, 101)] as [(Int, Int32)])
    func `F64: the number of failures, up to 101`(failures: Int, status: Int32) {
        #expect(ExitStatus.ofRun(failures: failures) == status)
        #expect(ExitStatus.ofRun(failures: failures, isInterrupted: true) == 130)
    }
}

@Suite struct DoctorReportTests {
    @Test func `a table with its columns in step`() {
        let report = DoctorReport(sections: [
            .init(
                title: "One", rows: [.init(.good, "short", "value", notes: ["why"]), .init(.fact, "longer name", "x")]),
            .init(title: "Two", rows: [.init(.missing, "a", "b")]),
        ])
        #expect(
            report.text == """
                One
                  ok short        value
                                  why
                     longer name  x

                Two
                  -- a            b

                """)
        #expect(report.isHealthy)
        #expect(!DoctorReport(sections: [.init(title: "", rows: [.init(.bad, "", "")])]).isHealthy)
    }
}
