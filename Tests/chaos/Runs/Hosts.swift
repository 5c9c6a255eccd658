// C6: the host is killed, and everything that it started is gone.
import CChaos
import CFleetSystem
import Foundation
import LuaFleet

/// What a host's workers do when it is killed.
private let hostStates: [(name: String, script: String)] = [
    ("idle", ""), ("lua", "while true do end"), ("c", "string.find(('a'):rep(5000), ('.-'):rep(60) .. 'b')"),
    ("gc", "setmetatable({}, {__gc = function() while true do end end}) collectgarbage()"),
    ("write", "return ('x'):rep(48 << 20)"), ("stopped", "while true do end"),
    ("child", "os.execute('sleep 1000 & sleep 1000')"),
]

/// The host of one state: makes its pool, says so on standard output, waits for its end.
func playHost(state: String) async -> Never {
    let script = hostStates.first { $0.name == state }?.script ?? ""
    var configuration = LuaPoolConfiguration(workers: 3)
    if state == "child" { configuration.isolation = .freshProcess }
    guard let pool = try? await LuaPool(configuration) else { exit(4) }
    while await pool.workerPids.count < 3 { usleep(500) }
    if !script.isEmpty {
        let events = pool.events
        for _ in 0..<3 { Task { await pool.run(.source(script)) } }
        var started = 0
        for await case .taskStarted in events {
            started += 1
            if started == 3 { break }
        }
    }
    if state == "stopped" { for pid in await pool.workerPids { kill(pid, SIGSTOP) } }
    FileHandle.standardOutput.write(Data("here\n".utf8))
    // Stops itself, so that nobody reads what the workers write.
    if state == "write" { kill(getpid(), SIGSTOP) }
    while true { withExtendedLifetime(pool) { _ = pause() } }
}

extension ChaosRun {
    static let c6 = ChaosRun(
        name: "C6", what: "the host killed, workers in each state", short: 28, full: 1400
    ) { arena in
        var dice = arena.dice("C6")
        _ = chaos_adopt_orphans()
        let before = openDescriptors()
        var times: [Double] = []
        while !arena.isOver {
            let state = hostStates[arena.done % hostStates.count].name
            arena.monitor.begins("a host in state \(state)")
            guard let time = await killHost(state, arena, &dice) else { break }
            times.append(time)
            arena.did()
        }
        await arena.settle(before)
        times.sort()
        guard !times.isEmpty else { return }
        let late = times.count { $0 > 1 }
        func ms(_ time: Double) -> String { "\((time * 1000 * 10).rounded() / 10) ms" }
        arena.note(
            "all gone after p50 \(ms(times[times.count / 2])) p99 \(ms(times[times.count * 99 / 100])) max \(ms(times.last ?? 0)), \(late) later than 1 s"
        )
    }

    /// Seconds until the last process was gone; all of them become this process's children.
    private static func killHost(_ state: String, _ arena: Arena, _ dice: inout Dice) async -> Double? {
        var pipe: [Int32] = [-1, -1]
        guard Glibc.pipe(&pipe) == 0 else { return nil }
        defer { close(pipe[0]) }
        let arguments: [UnsafeMutablePointer<CChar>?] = [strdup("chaos"), strdup("--host"), strdup(state), nil]
        defer { for word in arguments { free(word) } }
        var host: pid_t = 0
        let spawned = lfs_spawn(executablePath, arguments, nil, [pipe[1], 2], 2, &host)
        close(pipe[1])
        guard spawned == 0 else {
            arena.problem("cannot start a host: \(-spawned)")
            return nil
        }
        var byte: UInt8 = 0
        guard read(pipe[0], &byte, 1) == 1 else {
            arena.problem("a host in state \(state) did not come up")
            return nil
        }
        try? await Task.sleep(for: dice.time(upTo: 5))
        let members = ProcessEntry.all().descendants(of: host).count
        arena.expect(members >= 4, "a host in state \(state) had only \(members) processes")
        kill(host, SIGKILL)
        let start = ContinuousClock.now
        while true {
            let pid = waitpid(-1, nil, WNOHANG)
            let time = ContinuousClock.now - start
            let seconds = Double(time.components.seconds) + Double(time.components.attoseconds) / 1e18
            if pid < 0 { return seconds }
            if pid == 0 {
                guard seconds < 60 else {
                    let left = ProcessEntry.all().descendants(of: getpid())
                    arena.problem("\(left.count) processes of a host in state \(state) live on after 60 s")
                    for process in left { kill(process.pid, SIGKILL) }
                    return seconds
                }
                usleep(200)
            }
        }
    }
}
