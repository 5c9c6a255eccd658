// Files by which a test and its tasks wait for each other: what happens when is decided by the test, not by clocks.
import Foundation
import LuaFleet

/// A folder of marks. A script that begins with ``lua`` has `mark(name)`, `marked(name)` and `await(name)`.
struct Stage: Sendable {
    let folder: URL

    /// Of scripts on this stage.
    var lua: String {
        """
        local function path(name) return '\(folder.path)/' .. name end
        local function mark(name) local f = assert(io.open(path(name), 'a')) f:write('x') f:close() end
        local function marked(name) local f = io.open(path(name)) if f then f:close() end return f ~= nil end
        local function await(name) while not marked(name) do fleet.sleep(0.002) end end

        """
    }

    func source(_ body: String) -> LuaScript { .source(lua + body) }

    func mark(_ name: String) {
        _ = FileManager.default.createFile(atPath: folder.appendingPathComponent(name).path, contents: Data())
    }

    func isMarked(_ name: String) -> Bool {
        FileManager.default.fileExists(atPath: folder.appendingPathComponent(name).path)
    }

    /// How often a script has called `mark(name)`.
    func count(_ name: String) -> Int {
        (try? Data(contentsOf: folder.appendingPathComponent(name)).count) ?? 0
    }
}

func withStage<R>(_ body: (Stage) async throws -> R) async throws -> R {
    try await withFolder { try await body(Stage(folder: $0)) }
}

extension Result {
    /// The code, where it is an error of the fleet.
    var code: LuaFleetError.Code? { fleetError?.code }
    var fleetError: LuaFleetError? { if case .failure(let error) = self { error as? LuaFleetError } else { nil } }
    var luaError: LuaError? { if case .failure(let error) = self { error as? LuaError } else { nil } }
}

/// Counts; what a generator has yielded, say.
final class Tally: @unchecked Sendable {  // under its lock
    private let lock = NSLock()
    private var count = 0

    var value: Int { lock.withLock { count } }

    @discardableResult
    func next() -> Int {
        lock.withLock {
            count += 1
            return count
        }
    }
}

/// As given, or times `LUAFLEET_TEST_FACTOR`.
func scaled(_ count: Int) -> Int {
    Int(Double(count) * (ProcessInfo.processInfo.environment["LUAFLEET_TEST_FACTOR"].flatMap(Double.init) ?? 1))
}
