// The joblog's lines, the keys of tasks, and what a resumed run has left to do.
import LuaFleet
import Testing

@testable import luafleet

private func key(_ text: String) -> ContentKey {
    var hasher = ContentHasher()
    hasher.add(text)
    return hasher.key
}

private func line(_ sequence: Int, _ text: String, ok: Bool = true, isRerun: Bool = false) -> JobLogLine {
    JobLogLine(
        sequence: sequence, start: 1_795_275_807.4404, seconds: 0.0126, bytes: 3, status: ok ? 0 : 1, signal: 0,
        command: "t.lua \(text)", attempts: 1, worker: 2, reason: ok ? "ok" : "script", isRerun: isRerun, key: key(text)
    )
}

@Suite struct ContentKeyTests {
    @Test func `the hash is SipHash-2-4 with 128 bits, as its authors' test has it`() {
        let hasher = ContentHasher(k0: 0x0706_0504_0302_0100, k1: 0x0F0E_0D0C_0B0A_0908)
        // vectors_sip128[0], least significant byte first: a3817f04ba25a8e66df67214c7550293
        #expect(hasher.key == ContentKey(high: 0xE6A8_25BA_047F_81A3, low: 0x9302_55C7_1472_F66D))
    }

    @Test func `parts do not run together, and a string is no number`() {
        func joined(_ parts: String...) -> ContentKey {
            var hasher = ContentHasher()
            for part in parts { hasher.add(part) }
            return hasher.key
        }
        #expect(joined("ab", "c") != joined("a", "bc"))
        #expect(joined("a") != joined("a", ""))
        func input(_ values: InputValue...) -> ContentKey {
            var hasher = ContentHasher()
            hasher.add(values)
            return hasher.key
        }
        #expect(input(.text(Bytes("1".utf8))) != input(.json(.integer(1))))
        #expect(input(.json(.string("1"))) != input(.json(.integer(1))))
        #expect(input(.json(.integer(1))) == input(.json(.integer(1))))
    }

    @Test func `a key is 32 digits and back`() {
        let small = ContentKey(high: 0, low: 0x1F)
        #expect("\(small)" == "0000000000000000000000000000001f")
        #expect(ContentKey("\(small)") == small)
        #expect(ContentKey("1f") == nil)
        #expect(ContentKey("x000000000000000000000000000001f") == nil)
    }
}

@Suite struct JobLogLineTests {
    @Test func `F59: GNU parallel's columns, then ours`() {
        #expect(
            JobLogLine.header.hasPrefix("Seq\tHost\tStarttime\tJobRuntime\tSend\tReceive\tExitval\tSignal\tCommand\t"))
        #expect(
            line(7, "x").text
                == "7\t:\t1795275807.440\t     0.013\t0\t3\t0\t0\tt.lua x\t1\t2\tok\t0\t\(key("x"))\n")
    }

    @Test func `a line comes back as it was, whatever the command`() {
        var odd = line(1, "x", ok: false, isRerun: true)
        odd.command = "a\tb\nc\\t\\"
        odd.start = 5
        odd.seconds = 1.5
        #expect(!odd.text.dropLast().contains("\n"))
        #expect(JobLogLine(odd.text.dropLast()) == odd)
    }

    @Test func `every cut of a line but the whole one is no line`() {
        let whole = String(line(12, "x").text.dropLast())
        for count in 0..<whole.count { #expect(JobLogLine(whole.prefix(count)) == nil, "\(count)") }
        #expect(JobLogLine(whole) != nil)
        for field in [0, 2, 3, 5, 6, 7, 9, 10, 11, 12, 13] {
            var fields = whole.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
            fields[field] = "?"
            #expect(JobLogLine(fields.joined(separator: "\t")) == nil, "\(JobLogLine.columns[field])")
        }
    }
}

@Suite struct ResumePlanTests {
    private func decisions(_ plan: inout ResumePlan, _ inputs: String...) -> [ResumePlan.Decision] {
        inputs.enumerated().map { plan.decide(key($1), sequence: $0 + 1) }
    }

    @Test func `F59: --resume leaves out what has ended, --resume-failed what has succeeded`() {
        let log = [line(2, "b", ok: false), line(1, "a")]
        var resume = ResumePlan(.ended, log)
        #expect(decisions(&resume, "a", "b", "c") == [.skip, .skip, .run])
        #expect(resume.counts.summary == "2 skipped, 0 changed, 1 left")
        var failed = ResumePlan(.succeeded, log)
        #expect(decisions(&failed, "a", "b", "c") == [.skip, .rerun, .run])
        #expect(failed.counts.summary == "1 skipped, 0 changed, 2 left")
    }

    @Test func `F59: tasks go by what they are, not by where they stood`() {
        var moved = ResumePlan(.ended, [line(1, "a"), line(2, "b"), line(3, "c")])
        #expect(decisions(&moved, "c", "a", "x", "b") == [.skip, .skip, .run, .skip])
        #expect(moved.counts.summary == "3 skipped, 1 changed, 1 left")
    }

    @Test func `equal inputs are as many tasks as there are of them`() {
        var plan = ResumePlan(.ended, [line(1, "a"), line(2, "a")])
        #expect(decisions(&plan, "a", "a", "a") == [.skip, .skip, .run])
    }

    @Test func `a rerun takes the place of the failure, however often`() {
        let log = [line(1, "a", ok: false), line(1, "a", ok: false, isRerun: true), line(1, "a", isRerun: true)]
        for mode in [KeepingPlan.Resume.ended, .succeeded] {
            var plan = ResumePlan(mode, log)
            #expect(decisions(&plan, "a", "a") == [.skip, .run])
        }
        var twice = ResumePlan(.ended, log.dropLast())
        #expect(decisions(&twice, "a", "a") == [.skip, .run])
    }

    @Test func `without --resume everything runs`() {
        var plan = ResumePlan(.nothing, [line(1, "a")])
        #expect(decisions(&plan, "a") == [.run])
    }
}
