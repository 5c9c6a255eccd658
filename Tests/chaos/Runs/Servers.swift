// C5: what happens to a fork server: killed, stopped, starved of descriptors, talking nonsense or hearing it.
import CChaos
import CFleetSystem
import Foundation
import LuaFleet
import LuaFleetWire

extension ChaosRun {
    static let c5 = ChaosRun(
        name: "C5", what: "the fork server: KILL, STOP, garbage, EMFILE", short: 30, full: 1000
    ) { arena in
        var dice = arena.dice("C5")
        while !arena.isOver {
            var storm = Storm(
                configuration: LuaPoolConfiguration(workers: dice.roll(1...5)), callers: 0,
                strikes: min(arena.size - arena.done, dice.roll(8...30)),
                expects: { $0.code == .workerDied(.unknown) || $0.signal == SIGKILL })
            storm.configuration.isolation = dice.pick([.shared, .freshProcess])
            storm.callers = storm.configuration.workers * 2
            storm.pause = 20
            if dice.once(in: 4) {
                try await hearNonsense(arena, &dice)
                arena.did()
            }
            storm.strike = { pool, dice in
                guard let server = forkServer() else { return false }
                switch dice.roll(1...4) {
                case 1: return kill(server, SIGKILL) == 0
                case 2: return await stop(server, pool, &dice)
                case 3: return await starve(server, pool, &dice)
                default: return talkNonsense(server, &dice)
                }
            }
            try await storm.rage(arena, &dice)
        }
    }

    /// Stopped for a while, during which workers die, too.
    private static func stop(_ server: pid_t, _ pool: LuaPool, _ dice: inout Dice) async -> Bool {
        guard kill(server, SIGSTOP) == 0 else { return false }
        if dice.once(in: 2), let pid = await pool.workerPids.randomElement(using: &dice) { kill(pid, SIGKILL) }
        try? await Task.sleep(for: dice.time(upTo: 100))
        return kill(server, SIGCONT) == 0
    }

    /// It can open nothing, while its workers die.
    private static func starve(_ server: pid_t, _ pool: LuaPool, _ dice: inout Dice) async -> Bool {
        var former: UInt64 = 0
        guard chaos_limit(server, CHAOS_DESCRIPTORS, 6, &former) == 0 else { return false }
        if let pid = await pool.workerPids.randomElement(using: &dice) { kill(pid, SIGKILL) }
        // Shorter than five attempts to start a worker take, after which a pool gives up.
        try? await Task.sleep(for: dice.time(upTo: 30))
        var low: UInt64 = 0
        return chaos_limit(server, CHAOS_DESCRIPTORS, former, &low) == 0
    }

    /// The host hears on the control socket what no fork server says.
    private static func talkNonsense(_ server: pid_t, _ dice: inout Dice) -> Bool {
        let control = chaos_take_descriptor(server, 3)
        guard control >= 0 else { return false }
        defer { close(control) }
        var bytes = (0..<dice.roll(1...200)).map { _ in UInt8(truncatingIfNeeded: dice.roll(0...255)) }
        // As a rule something that looks like a frame.
        if bytes.count >= 16, dice.once(in: 2) {
            bytes.replaceSubrange(0..<16, with: [UInt8](repeating: 0, count: 16))
            bytes[4] = dice.pick([0, 1, 5, 8, 9, 18, 200])
            bytes[0] = UInt8(dice.roll(0...255))
            bytes[3] = dice.pick([0, 0, 255])
        }
        return bytes.withUnsafeBytes { lfs_send(control, $0.baseAddress!, $0.count, -1) > 0 }  // not empty
    }

    /// A real fork server gets nonsense, whole commands in front of it: it ends by itself, and its workers with it.
    private static func hearNonsense(_ arena: Arena, _ dice: inout Dice) async throws {
        var ends: [Int32] = [-1, -1]
        var pipe: [Int32] = [-1, -1]
        let pages = lfs_shared_file("chaos")
        guard lfs_socket_pair(&ends) == 0, lfs_capture_pipe(&pipe) == 0, pages >= 0 else {
            return arena.problem("no descriptors")
        }
        ftruncate(pages, off_t(WorkerPage.slotsPerMapping * WorkerPage.size))
        let program = WorkerProgram(executable: arena.folder + "/luafleet-worker")
        if !dice.once(in: 4) { try program.configure(ends[0]) }
        let pid = try program.spawn(control: ends[1], noise: pipe[1], pages: pages)
        for fd in [ends[1], pipe[1], pages] { close(fd) }
        var bytes: [UInt8] = []
        for _ in 0..<dice.roll(0...3) {
            bytes += .frame(
                FrameHeader(kind: .killWorker, worker: UInt32(dice.roll(0...3)), task: UInt32(dice.roll(0...3))))
        }
        bytes += (0..<dice.roll(16...400)).map { _ in UInt8(truncatingIfNeeded: dice.roll(5...255)) }
        _ = bytes.withUnsafeBytes { lfs_send(ends[0], $0.baseAddress!, $0.count, -1) }  // not empty
        let closesFirst = dice.once(in: 2)
        if closesFirst { close(ends[0]) }
        var ended = lfs_exit()
        let isGone = await eventually { lfs_reap(pid, false, false, &ended) == 0 && ended.pid == pid }
        if !isGone {
            arena.problem("a fork server that heard nonsense lives on")
            kill(pid, SIGKILL)
            lfs_reap(pid, true, false, &ended)
        }
        arena.expect(!ended.signaled, "a fork server that heard nonsense died of signal \(ended.code)")
        if !closesFirst { close(ends[0]) }
        close(pipe[0])
    }
}
