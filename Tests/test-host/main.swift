// An app with a pool in a process of its own, for tests that kill it or count what it owns.
import Foundation
import LuaFleet

/// What stands open in this process, and which children it has.
func census() -> (descriptors: Int, children: Int, threads: Int) {
    func count(_ path: String) -> Int { (try? FileManager.default.contentsOfDirectory(atPath: path).count) ?? -1 }
    let own = "\(getpid())"
    let children = ((try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []).count { pid in
        guard let stat = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8),
            let end = stat.lastIndex(of: ")")
        else { return false }
        return stat[end...].split(separator: " ").dropFirst(2).first.map(String.init) == own
    }
    return (count("/proc/self/fd"), children, count("/proc/self/task"))
}

/// The memory that this process holds (proc(5), statm).
func residentBytes() -> Int {
    let text = (try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8)) ?? ""
    return (text.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0) * Int(getpagesize())
}

/// Pools that are made, used and ended, in each of the ways in which they can end.
func cycle(_ number: Int) async throws {
    let pool = try await LuaPool(LuaPoolConfiguration(workers: 2))
    let _: Int = try await pool.call(.source("return 1"))
    if number % 4 == 1 { _ = await pool.run(.source("os.execute('kill -SEGV $PPID')")) }
    switch number % 3 {
    case 0: await pool.close()
    case 1: await pool.terminate()
    default: break  // dropped
    }
}

/// Pools until there are no descriptors left: an error says so, and when some are given back there are pools again.
func runOutOfDescriptors() async throws {
    var limit = rlimit()
    getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    limit.rlim_cur = 100
    setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    var pools: [LuaPool] = []
    do {
        for _ in 0..<100 { pools.append(try await LuaPool(LuaPoolConfiguration(workers: 1))) }
        exit(3)
    } catch {
        print(error.code, error.message)
    }
    guard !pools.isEmpty else { exit(4) }
    for pool in pools.dropFirst() { await pool.terminate() }
    let sum: Int = try await pools[0].call(.source("return 1 + 2"))
    pools.removeLast(pools.count - 1)
    for _ in 0..<1000 where census().descriptors > 60 { usleep(10_000) }
    let product: Int = try await withLuaPool(LuaPoolConfiguration(workers: 1)) {
        try await $0.call(.source("return 2 * 3"))
    }
    print(sum, product)
}

switch CommandLine.arguments.dropFirst().first {
case "busy":
    // Workers in a Lua loop, in a C call, in a child, and idle; prints their pids and stays.
    let pool = try await LuaPool(LuaPoolConfiguration(workers: 5))
    let scripts = [
        "while true do end", "string.find(('a'):rep(5000), ('.-'):rep(60) .. 'b')", "os.execute('sleep 1000')",
        "setmetatable({}, {__gc = function() while true do end end}) collectgarbage()",
    ]
    for script in scripts { Task { await pool.run(.source(script)) } }
    while await pool.workerPids.count < 5 { usleep(1000) }
    let line = "pids " + (await pool.workerPids.map(String.init).joined(separator: " ")) + "\n"
    FileHandle.standardOutput.write(Data(line.utf8))
    withExtendedLifetime(pool) { while true { sleep(1000) } }
case "cycles":
    for number in 0..<4 { try await cycle(number) }
    // Dropped pools end on their own time.
    var before = census()
    for _ in 0..<1000 where census().children > 0 || census().threads > before.threads { usleep(10_000) }
    usleep(100_000)
    before = census()
    for number in 0..<50 { try await cycle(number) }
    var after = census()
    for _ in 0..<2000 where after.descriptors > before.descriptors || after.children > 0 {
        usleep(10_000)
        after = census()
    }
    print("before", before, "after", after)
    // The runtime's own threads come and go; 16 leaked loops do not hide among them.
    exit(after.descriptors <= before.descriptors && after.children == 0 && after.threads <= before.threads + 4 ? 0 : 1)
case "levels":
    // A pool at each level that does a little of everything.
    for sandbox in LuaSandbox.allCases {
        var configuration = LuaPoolConfiguration(workers: 2)
        configuration.sandbox = sandbox
        let memory = try SharedMemory(size: 4096)
        let sum = try await withLuaPool(configuration) { pool in
            let squares: [Int] = try await pool.map(.source("return ... * ..."), 1...10)
            let _: LuaResults = try await pool.call(.source("local m = ... m:write(1, 'abc')"), memory)
            _ = await pool.run(.source("error('x')"))
            return squares.reduce(0, +)
        }
        print(sandbox.rawValue, sum, String(decoding: try memory.read(0..<3), as: UTF8.self))
    }
case "stream":
    // Streams so many results; the memory after a fifth of them is what it needs.
    let count = CommandLine.arguments.dropFirst(2).first.flatMap { Int($0) } ?? 100_000
    let (early, late) = try await withLuaPool(LuaPoolConfiguration(workers: 2)) { pool in
        var (sum, early) = (0, 0)
        for try await result in pool.results(of: .source("return ..."), 1...count, returning: Int.self) {
            sum += try result.value
            if result.index == count / 5 { early = residentBytes() }
        }
        guard sum == count * (count + 1) / 2 else { exit(3) }
        return (early, residentBytes())
    }
    print("after a fifth", early, "at the end", late)
    // What the allocator keeps varies by some MiB; a million results of the smallest kind would be 16 and more.
    exit(early > 0 && late < early + (12 << 20) ? 0 : 1)
case "descriptors":
    try await runOutOfDescriptors()
default:
    exit(2)
}
