// --halt: what the words mean, and when the condition holds.
import Testing

@testable import luafleet

@Suite struct HaltPolicyTests {
    @Test(arguments: [
        ("now,fail=1", HaltPolicy(when: .now, why: .fail, threshold: .count(1))),
        ("soon,success=3", HaltPolicy(when: .soon, why: .success, threshold: .count(3))),
        ("soon,done=12.5%", HaltPolicy(when: .soon, why: .done, threshold: .percent(12.5))),
        ("1", HaltPolicy(when: .soon, why: .fail, threshold: .count(1))),
        ("2", HaltPolicy(when: .now, why: .fail, threshold: .count(1))),
        ("-2", HaltPolicy(when: .now, why: .success, threshold: .count(1))),
        ("5%", HaltPolicy(when: .soon, why: .fail, threshold: .percent(5))),
        ("never", nil), ("0", nil),
    ])
    func `F64: conditions as GNU parallel writes them`(text: String, policy: HaltPolicy?) throws {
        #expect(try HaltPolicy.parse(text) == policy)
    }

    @Test(arguments: [
        ("", "--halt : not a condition (write now,fail=1 or soon,success=10%)"),
        ("now", "--halt now: not a condition (write now,fail=1 or soon,success=10%)"),
        ("now,fail", "--halt now,fail: not a condition (write now,fail=1 or soon,success=10%)"),
        ("now,fail=1,x", "--halt now,fail=1,x: not a condition (write now,fail=1 or soon,success=10%)"),
        ("son,fail=1", "--halt son,fail=1: 'son' is no time: did you mean soon?"),
        ("later,fail=1", "--halt later,fail=1: 'later' is no time: there are now, soon"),
        ("now,fial=1", "--halt now,fial=1: 'fial' is no condition: did you mean fail?"),
        ("now,=1", "--halt now,=1: '' is no condition: there are fail, success, done"),
        ("now,fail=0", "--halt now,fail=0: '0' is no number of tasks from 1 on"),
        ("now,fail=+1", "--halt now,fail=+1: '+1' is no number of tasks from 1 on"),
        ("now,fail=101%", "--halt now,fail=101%: '101%' is no percentage above 0% and up to 100%"),
        ("x%", "--halt x%: 'x%' is no percentage above 0% and up to 100%"),
    ])
    func `conditions that are none`(text: String, message: String) {
        #expect(throws: UsageError(message)) { try HaltPolicy.parse(text) }
    }

    @Test func `counts hold from the task on that makes them full`() {
        let policy = HaltPolicy(when: .now, why: .fail, threshold: .count(2))
        var count = HaltCount()
        for (failed, reached) in [(true, false), (false, false), (true, true), (false, true)] {
            count.taskEnded(failed: failed)
            #expect(count.hasReached(policy, total: nil) == reached)
        }
        #expect(count.hasReached(HaltPolicy(when: .now, why: .success, threshold: .count(2)), total: nil))
        #expect(count.hasReached(HaltPolicy(when: .now, why: .done, threshold: .count(4)), total: nil))
        #expect(!count.hasReached(HaltPolicy(when: .now, why: .done, threshold: .count(5)), total: nil))
    }

    @Test func `shares hold only once the total is known`() {
        let policy = HaltPolicy(when: .soon, why: .fail, threshold: .percent(10))
        var count = HaltCount()
        #expect(!count.hasReached(policy, total: 10))
        count.taskEnded(failed: true)
        #expect(!count.hasReached(policy, total: nil))
        #expect(!count.hasReached(policy, total: 11))
        #expect(count.hasReached(policy, total: 10))
    }
}

@Suite struct RetryPolicyTests {
    @Test func `N is how often a task is tried in all`() {
        let policy = RetryPolicy(tries: 3)
        #expect(policy.retries(after: .script, attempts: 1))
        #expect(policy.retries(after: .timeout, attempts: 2))
        #expect(!policy.retries(after: .workerDied, attempts: 3))
        #expect(!RetryPolicy(tries: 1).retries(after: .script, attempts: 1))
        #expect(RetryPolicy(tries: nil).retries(after: .script, attempts: 1_000_000))
    }

    @Test func `what was stopped, or never started, is not tried again`() {
        #expect(!RetryPolicy(tries: 3).retries(after: .cancelled, attempts: 1))
        #expect(!RetryPolicy(tries: 3).retries(after: .setup, attempts: 1))
    }
}

@Suite struct MachineLimitsTests {
    private let load = "0.20 0.18 0.12 5/80 11206\n"
    private let memory = "MemTotal:        8000 kB\nMemFree:          100 kB\nMemAvailable:    4096 kB\n"

    @Test func `the kernel's figures are read as proc(5) describes them`() {
        #expect(MachineLimits.running(load) == 4)
        #expect(MachineLimits.available(memory) == 4 << 20)
        #expect(MachineLimits.running("?") == nil)
        #expect(MachineLimits.available("MemTotal: 1 kB\n") == nil)
    }

    @Test func `F61: --load and --memfree`() {
        #expect(MachineLimits(processes: 5).allows(load: load, memory: ""))
        #expect(!MachineLimits(processes: 4).allows(load: load, memory: ""))
        #expect(MachineLimits(freeBytes: 4 << 20).allows(load: "", memory: memory))
        #expect(!MachineLimits(freeBytes: (4 << 20) + 1).allows(load: "", memory: memory))
        #expect(MachineLimits(processes: 1, freeBytes: 1).allows(load: "", memory: ""))
    }
}
