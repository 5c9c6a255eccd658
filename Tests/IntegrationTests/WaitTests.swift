// F18: waiting for several tasks, with the outcomes of concurrent.futures.
import LuaFleet
import Testing

@Suite
struct WaitTests {
    @Test func `F18: asCompleted yields each task once, in the order of their ends`() async throws {
        try await withStage { stage in
            try await withPool(3) { pool in
                let script = stage.source("await((...)) return ...")
                let tasks: [LuaTask<Int>] = try await pool.tasks(script, 1...3)
                var order: [ObjectIdentifier] = []
                var completed = LuaTask.asCompleted(tasks + tasks).makeAsyncIterator()
                for number in [2, 3, 1] {
                    stage.mark("\(number)")
                    let task = try #require(try await completed.next())
                    #expect(try await task.value == number)
                    order.append(ObjectIdentifier(task))
                }
                #expect(try await completed.next() == nil)
                #expect(order == [1, 2, 0].map { ObjectIdentifier(tasks[$0]) })
                // Tasks that have ended already come at once, and none of none.
                var again = 0
                for try await _ in LuaTask.asCompleted(tasks) { again += 1 }
                #expect(again == 3)
                for try await _ in LuaTask.asCompleted([LuaTask<Int>]()) { Issue.record("there is none") }
            }
        }
    }

    @Test func `F18: asCompleted with a timeout yields what has ended, then throws, and the tasks go on`() async throws
    {
        try await withStage { stage in
            try await withPool(2) { pool in
                let ready: LuaTask<Int> = try await pool.submit(.source("return 1"))
                let slow: LuaTask<Int> = try await pool.submit(stage.source("await('go') return 2"))
                _ = await ready.result
                var yielded: [Int] = []
                let error = await #expect(throws: LuaFleetError.self) {
                    for try await task in LuaTask.asCompleted([slow, ready], timeout: .milliseconds(50)) {
                        yielded.append(try await task.value)
                    }
                }
                #expect(yielded == [1] && error?.code == .timeout)
                #expect(error?.message.contains("1 of 2 tasks") == true, "\(error?.message ?? "")")
                stage.mark("go")
                #expect(try await slow.value == 2)
            }
        }
    }

    @Test func `F18: wait for the first that completes, the first error, or all`() async throws {
        try await withStage { stage in
            try await withPool(4) { pool in
                let one: LuaTask<Int> = try await pool.submit(stage.source("await('one') return 1"))
                let bad: LuaTask<Int> = try await pool.submit(stage.source("await('bad') error('bad')"))
                let last: LuaTask<Int> = try await pool.submit(stage.source("await('last') return 3"))
                let tasks = [one, bad, last]
                async let first = LuaTask.wait(tasks, until: .firstCompleted)
                async let error = LuaTask.wait(tasks, until: .firstError)
                async let all = LuaTask.wait(tasks, until: .all)
                stage.mark("one")
                let firstDone = await first
                #expect(firstDone.done.map(\.state) == [.done] && firstDone.notDone.count == 2)
                // A value is no error: the second wait goes on.
                let early = await LuaTask.wait(tasks, until: .firstError, timeout: .milliseconds(20))
                #expect(early.done.count == 1)
                stage.mark("bad")
                let errorDone = await error
                #expect(
                    errorDone.done.map(\.state) == [.done, .failed] && errorDone.notDone.map(\.state) == [.running])
                stage.mark("last")
                let allDone = await all
                #expect(allDone.done.map(\.state) == [.done, .failed, .done] && allDone.notDone.isEmpty)
                // What has ended already counts at once.
                for condition in [LuaWaitCondition.firstCompleted, .firstError, .all] {
                    #expect(await LuaTask.wait(tasks, until: condition).done.count == 3)
                }
                #expect(await LuaTask.wait([LuaTask<Int>]()).done.isEmpty)
            }
        }
    }

    @Test func `F18: a cancelled task has completed and is no error, as in Python`() async throws {
        try await withStage { stage in
            try await withPool(1) { pool in
                let held: LuaTask<Int> = try await pool.submit(stage.source("mark('begun') await('go') return 1"))
                #expect(await eventually { stage.isMarked("begun") })
                let dropped: LuaTask<Int> = try await pool.submit(.source("return 2"))
                async let error = LuaTask.wait([held, dropped], until: .firstError)
                dropped.cancel()
                let completed = await LuaTask.wait([held, dropped], until: .firstCompleted)
                #expect(completed.done.map(\.state) == [.cancelled])
                let early = await LuaTask.wait([held, dropped], until: .firstError, timeout: .milliseconds(20))
                #expect(early.notDone.count == 1, "had it been an error, both waits would end here")
                stage.mark("go")
                #expect(await error.done.map(\.state) == [.done, .cancelled])
            }
        }
    }

    @Test func `F18: a wait that runs out of time or is cancelled touches no task`() async throws {
        try await withStage { stage in
            try await withPool(1) { pool in
                let task: LuaTask<Int> = try await pool.submit(stage.source("await('go') return 1"))
                let late = await LuaTask.wait([task, task], timeout: .milliseconds(10))
                #expect(late.done.isEmpty && late.notDone.count == 1)
                let waiting = Task { await LuaTask.wait([task]) }
                waiting.cancel()
                #expect(await waiting.value.notDone.count == 1)
                stage.mark("go")
                #expect(try await task.value == 1)
            }
        }
    }
}
