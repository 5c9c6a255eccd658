// When the next task starts: places, pauses, retries, draining.
import Testing

@testable import luafleet

private let now = ContinuousClock.now

@Suite struct StartPlanTests {
    @Test func `as many as there are places`() {
        var plan = StartPlan(places: 2)
        #expect(plan.step(at: now) == .input)
        plan.taskStarted(isRetry: false, at: now)
        #expect(plan.step(at: now) == .input)
        plan.taskStarted(isRetry: false, at: now)
        #expect(plan.step(at: now) == .wait(until: nil))
        plan.taskEnded(retries: false)
        #expect(plan.step(at: now) == .input)
        plan.inputEnded()
        #expect(plan.step(at: now) == .end)
    }

    @Test func `a retry goes before the next input, and the end waits for what may fail`() {
        var plan = StartPlan(places: 2, mayRetry: true)
        plan.taskStarted(isRetry: false, at: now)
        plan.inputEnded()
        #expect(plan.step(at: now) == .wait(until: nil))
        plan.taskEnded(retries: true)
        #expect(plan.step(at: now) == .retry)
        plan.taskStarted(isRetry: true, at: now)
        #expect(plan.step(at: now) == .wait(until: nil))
        plan.taskEnded(retries: false)
        #expect(plan.step(at: now) == .end)
    }

    @Test func `F61: --delay is between two starts`() {
        var plan = StartPlan(places: 9, delay: .seconds(5))
        #expect(plan.step(at: now) == .input)
        plan.taskStarted(isRetry: false, at: now)
        #expect(plan.step(at: now + .seconds(4)) == .wait(until: now + .seconds(5)))
        #expect(plan.step(at: now + .seconds(5)) == .input)
    }

    @Test func `a busy machine is looked at again later, and only when all else allows a start`() {
        var plan = StartPlan(places: 1)
        #expect(plan.step(at: now, machineIsFree: { false }) == .wait(until: now + StartPlan.machineInterval))
        plan.taskStarted(isRetry: false, at: now)
        var isAsked = false
        let step = plan.step(
            at: now,
            machineIsFree: {
                isAsked = true
                return true
            })
        #expect(step == .wait(until: nil) && !isAsked)
    }

    @Test func `-k: too much output that waits for its turn starts nothing but a retry`() {
        var plan = StartPlan(places: 2, mayRetry: true, heldLimit: 3)
        plan.outputHeld(3)
        #expect(plan.step(at: now) == .wait(until: nil))
        plan.taskStarted(isRetry: false, at: now)
        plan.taskEnded(retries: true)
        #expect(plan.step(at: now) == .retry)
        plan.taskStarted(isRetry: true, at: now)
        plan.outputHeld(2)
        #expect(plan.step(at: now) == .input)
    }

    @Test func `draining ends it at once, whatever waits`() {
        var plan = StartPlan(places: 2, delay: .seconds(9), mayRetry: true)
        plan.taskStarted(isRetry: false, at: now)
        plan.taskEnded(retries: true)
        plan.drain()
        #expect(plan.step(at: now) == .end)
    }
}

@Suite struct OrderedTasksTests {
    @Test func `what has ended waits for all before it, also for what is left out`() {
        var tasks = OrderedTasks<String>()
        #expect(tasks.ended("c", 3) == [])
        #expect(tasks.skipped(2) == [])
        #expect(tasks.count == 1)
        #expect(tasks.ended("a", 1) == ["a", "c"])
        #expect(tasks.skipped(4) == [])
        #expect(tasks.ended("e", 5) == ["e"])
        #expect(tasks.count == 0)
    }

    @Test func `a run that ends early has a rest, in order`() {
        var tasks = OrderedTasks<String>()
        _ = tasks.ended("d", 4)
        _ = tasks.skipped(3)
        _ = tasks.ended("b", 2)
        #expect(tasks.rest() == ["b", "d"])
        #expect(tasks.rest() == [])
    }
}
