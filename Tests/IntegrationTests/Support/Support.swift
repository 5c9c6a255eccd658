// What the tests of real workers share: conditions that are waited for, processes that are looked at, reports that are read.
import Foundation
import LuaFleet
import Testing

/// Looks until `condition` holds. The deadline is for a machine that is very busy, not for the feature.
func eventually(_ condition: () async throws -> Bool) async rethrows -> Bool {
    let deadline = ContinuousClock.now + .seconds(300)
    while ContinuousClock.now < deadline {
        if try await condition() { return true }
        try? await Task.sleep(for: .milliseconds(5))
    }
    return try await condition()
}

/// Whether the process runs; one that is dead and waits for its parent does not.
func isRunning(_ pid: Int32) -> Bool {
    guard let stat = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8),
        let end = stat.lastIndex(of: ")")
    else { return false }
    return !["Z", "X"].contains(stat[end...].dropFirst(2).first)
}

func withPool<R: Sendable>(
    _ workers: Int, isolation: LuaIsolation = .shared, wallTime: Duration? = nil, _ body: (LuaPool) async throws -> R
) async throws -> R {
    var configuration = LuaPoolConfiguration(workers: workers)
    configuration.isolation = isolation
    configuration.limits.wallTime = wallTime
    return try await withLuaPool(configuration, body)
}

extension LuaTaskReport {
    var output: String { String(decoding: standardOutput, as: UTF8.self) }
    var errors: String { String(decoding: standardError, as: UTF8.self) }
    var values: [LuaValue]? { (try? result.get()).map(Array.init) }
    var fleetError: LuaFleetError? { if case .failure(let error) = result { error as? LuaFleetError } else { nil } }
    var luaError: LuaError? { if case .failure(let error) = result { error as? LuaError } else { nil } }
    var code: LuaFleetError.Code? { fleetError?.code }
}

/// A folder that is removed at the end.
func withFolder<R>(_ body: (URL) async throws -> R) async throws -> R {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("luafleet-test-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    return try await body(folder)
}

/// The program test-host, beside the tests.
var testHost: URL {
    URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
        .appendingPathComponent("test-host")
}
