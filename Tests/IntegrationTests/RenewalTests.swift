// HAZARDS 33: whoever crashes worker after worker to guess at addresses meets new ones.
import Foundation
import LuaFleet
import Testing

@Suite
struct RenewalTests {
    /// Where a C function is: the same in all workers that were forked from one execution of the fork server.
    private static let address = LuaScript.source("return tostring(print)")

    /// What a wrong guess does to the process that ran it.
    private func crash(_ pool: LuaPool) async -> LuaFleetError.Code? {
        let script = LuaScript.source("fleet.send(fleet.worker.pid) while true do end")
        guard let task = try? await pool.submit(script, returning: Int.self) else { return nil }
        for await case .value(let value) in task.messages {
            if let pid = value.int { kill(Int32(pid), SIGSEGV) }
            break
        }
        return await task.result.code
    }

    private func parent(of pid: Int32) -> Int32? {
        guard let stat = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8),
            let end = stat.lastIndex(of: ")")
        else { return nil }
        return stat[end...].split(separator: " ").dropFirst(2).first.flatMap { Int32($0) }
    }

    @Test(arguments: [LuaIsolation.shared, .freshProcess])
    func `after five crashes workers have other addresses, in the same fork server, and nobody else notices`(
        _ isolation: LuaIsolation
    ) async throws {
        try await withStage { stage in
            try await withSandbox(
                .safe, workers: 2,
                {
                    $0.isolation = isolation; $0.preload = [.source("seven = 7")]
                }
            ) {
                pool in
                #expect(await eventually { await pool.workerPids.count == 2 })
                let worker = try #require(await pool.workerPids.first)
                let server = try #require(parent(of: worker))
                let before: String = try await pool.call(Self.address)
                // Runs all the time.
                let witness = try await pool.submit(.source("fleet.send(1) fleet.sleep(1e9)"), returning: Int.self)
                for await _ in witness.messages { break }
                for _ in 1...5 { #expect(await crash(pool) == .workerDied(.signal(SIGSEGV))) }
                let hasMoved = await eventually {
                    let address: String? = try? await pool.call(Self.address)
                    return address != nil && address != before
                }
                #expect(hasMoved)
                let seven: Int = try await pool.call(.source("return seven"))
                #expect(seven == 7, "preloaded again")
                #expect(!witness.state.isCompleted)
                let pids = await pool.workerPids
                #expect(pids.allSatisfy { parent(of: $0) == server }, "the same process as before")
                witness.cancel()
                let values: [Int] = try await pool.map(.source("return ..."), 1...100)
                #expect(values == Array(1...100))
            }
        }
    }

    @Test func `after a thousand forks, too; and a worker that was there before still reports its end`() async throws {
        try await withSandbox(.safe, workers: 2, { $0.recycle = .afterTasks(1) }) { pool in
            let first: [String] = try await pool.map(Self.address, 1...100, chunkSize: 1)
            #expect(Set(first).count == 1)
            let rest: [String] = try await pool.map(Self.address, 1...1500, chunkSize: 1)
            #expect(rest.count == 1500 && (2...3).contains(Set(first + rest).count), "\(Set(first + rest).count)")
            #expect(await pool.statistics.workersDied == 0)
        }
    }

    @Test func `at none scripts have the app's rights, and the server stays as it is`() async throws {
        try await withSandbox(.none, workers: 1) { pool in
            let before: String = try await pool.call(Self.address)
            for _ in 1...6 { #expect(await crash(pool) == .workerDied(.signal(SIGSEGV))) }
            let after: String = try await pool.call(Self.address)
            #expect(after == before)
        }
    }
}
