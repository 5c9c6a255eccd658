// W4 to W6 and W9 to W11: processes made, used and measured.
import CFleetSystem
import Glibc
import LuaFleet

extension Workload {
    static let w4 = Workload(name: "W4", summary: "pool of 2, of 64 workers made, one task run, pool gone") {
        var figures = [Figure]()
        for workers in [2, 64] {
            let seconds = try await timed {
                try await withLuaPool(LuaPoolConfiguration(workers: workers)) { pool in
                    let _: Int = try await pool.call(benchScript.function("square"), 3)
                }
            }
            figures.append(Figure(suffix: "\(workers)", unit: "ms", value: seconds * 1e3))
        }
        return figures
    }

    static let w5 = Workload(name: "W5", summary: "a fresh process for every task, 2 at a time, 10,000 tasks") {
        var configuration = LuaPoolConfiguration(workers: 2)
        configuration.isolation = .freshProcess
        return try await withLuaPool(configuration) { pool in
            let seconds = try await timed {
                let squares: [Int] = try await pool.map(benchScript.function("square"), 1...10_000)
                precondition(squares.last == 100_000_000)
            }
            return [Figure(unit: "tasks/s", value: 10_000 / seconds)]
        }
    }

    static let w6 = Workload(name: "W6", summary: "16 x fib(30): time with 1 worker over twice the time with 2") {
        var seconds = [Double]()
        for workers in [1, 2] {
            try await withLuaPool(LuaPoolConfiguration(workers: workers)) { pool in
                seconds.append(
                    try await timed {
                        let _: [Int] = try await pool.map(
                            benchScript.function("fib"), Array(repeating: 30, count: 16))
                    })
            }
        }
        return [Figure(unit: "ratio", value: seconds[0] / (2 * seconds[1]))]
    }

    static let w9 = Workload(name: "W9", summary: "whole command: 1,000 one-line scripts, 2 at a time") {
        let folder = try ScratchFolder()
        defer { folder.remove() }
        var arguments = ["run", "-j", "2"]
        for i in 1...1000 {
            arguments.append(try folder.write("s\(i).lua", "print(\(i))\n"))
        }
        let output = folder.path + "/out"
        let start = lfs_now()
        let status = try runSelf(arguments, outputPath: output)
        let seconds = Double(lfs_now() - start) / 1e9
        guard status == 0 else { throw BenchFailure(message: "W9: luafleet run ended with status \(status)") }
        return [Figure(unit: "s", value: seconds)]
    }

    static let w10 = Workload(name: "W10", summary: "PSS of an idle worker, of 64") {
        try await withLuaPool(LuaPoolConfiguration(workers: 64)) { pool in
            let pids = try await readyPids(of: pool, count: 64)
            let pss = pids.map { proportionalSetSize(of: $0) }.reduce(0, +) / Double(pids.count)
            return [Figure(suffix: "pss", unit: "MiB", value: pss)]
        }
    }

    static let w11 = Workload(name: "W11", summary: "1,000 workers until each has answered; PSS each") {
        var pool: LuaPool?
        var pids = [Int32]()
        let seconds = try await timed {
            let made = try await LuaPool(LuaPoolConfiguration(workers: 1000))
            pool = made
            pids = try await readyPids(of: made, count: 1000)
        }
        let pss = pids.map { proportionalSetSize(of: $0) }.reduce(0, +) / Double(max(1, pids.count))
        await pool?.terminate()
        return [
            Figure(suffix: "ms", unit: "ms", value: seconds * 1e3), Figure(suffix: "pss", unit: "MiB", value: pss),
        ]
    }
}

struct BenchFailure: Error, CustomStringConvertible {
    var message: String
    var description: String { message }
}

/// The pids of all workers, as soon as all are ready.
private func readyPids(of pool: LuaPool, count: Int) async throws -> [Int32] {
    let deadline = lfs_now() + 60_000_000_000
    while lfs_now() < deadline {
        let pids = await pool.workerPids
        if pids.count >= count { return pids }
        try await Task.sleep(for: .milliseconds(1))
    }
    throw BenchFailure(message: "\(count) workers were not ready after 60 s")
}

/// MiB, from /proc/PID/smaps_rollup (proc(5)): private pages whole, shared ones divided among their users.
func proportionalSetSize(of pid: Int32) -> Double {
    guard let file = fopen("/proc/\(pid)/smaps_rollup", "r") else { return 0 }
    defer { fclose(file) }
    var line = [CChar](repeating: 0, count: 256)
    while fgets(&line, 256, file) != nil {
        let text = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        if text.hasPrefix("Pss:"), let kib = text.split(whereSeparator: { $0 == " " || $0 == "\t" }).dropFirst().first {
            return (Double(kib) ?? 0) / 1024
        }
    }
    return 0
}

/// Runs this very executable and waits for it.
private func runSelf(_ arguments: [String], outputPath: String) throws -> Int32 {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_addopen(&actions, 1, outputPath, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
    var words: [UnsafeMutablePointer<CChar>?] = (["luafleet"] + arguments).map { strdup($0) } + [nil]
    defer { for word in words { free(word) } }
    var pid: pid_t = 0
    let failure = posix_spawn(&pid, "/proc/self/exe", &actions, nil, &words, environ)
    guard failure == 0 else {
        throw BenchFailure(message: "cannot start luafleet: \(String(cString: strerror(failure)))")
    }
    var status: Int32 = 0
    while waitpid(pid, &status, 0) < 0 && errno == EINTR {}
    return status & 0x7F == 0 ? (status >> 8) & 0xFF : 128 + (status & 0x7F)
}

/// A folder that is gone afterwards.
private struct ScratchFolder {
    let path: String

    init() throws {
        var template = Array("/tmp/luafleet-bench-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else {
            throw BenchFailure(message: "cannot make a folder in /tmp: \(String(cString: strerror(errno)))")
        }
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    func write(_ name: String, _ text: String) throws -> String {
        let file = path + "/" + name
        guard let handle = fopen(file, "w") else { throw BenchFailure(message: "cannot write \(file)") }
        fputs(text, handle)
        fclose(handle)
        return file
    }

    func remove() {
        guard let entries = opendir(path) else { return }
        while let entry = readdir(entries) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != "." && name != ".." { unlink(path + "/" + name) }
        }
        closedir(entries)
        rmdir(path)
    }
}
