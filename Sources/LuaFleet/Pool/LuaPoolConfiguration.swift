// What a pool can be told before it starts.
import Logging
import LuaFleetWire

/// How much of a Lua state a task shares with the tasks before it on the same worker.
public enum LuaIsolation: String, Sendable, Hashable, CaseIterable {
    /// One Lua state for the life of the worker: globals that a task sets are there for the next one. The fastest.
    case shared
    /// A new Lua state for each task in the same process: about 30 us.
    case freshState = "fresh-state"
    /// A process forked for each task: about 100 us. What a task leaves behind ends with it.
    case freshProcess = "fresh-process"

    var wire: WireIsolation {
        switch self {
        case .shared: .shared
        case .freshState: .freshState
        case .freshProcess: .freshProcess
        }
    }
}

/// The settings of a ``LuaPool``. A value: changing it later changes no pool.
public struct LuaPoolConfiguration: Sendable {
    /// Worker processes. Default: the processors that this process may use (affinity and cgroup quota count).
    public var workers: Int
    /// Default: `.shared`.
    public var isolation: LuaIsolation = .shared
    /// For every task. Default: none.
    public var limits = LuaLimits()
    /// How workers come to be. Default: forked. At `locked` they are always spawned.
    public var startMethod = LuaStartMethod.forkServer
    /// What scripts are kept from. Default: nothing.
    public var sandbox = LuaSandbox.none
    /// Layers without which `locked` starts, too, where the kernel lacks them. Default: none. ``LuaPool/sandbox`` tells which are there.
    public var waive: Set<LuaSandboxLayer> = []
    /// Scripts that run once, in the fork server: what they define globally, and what they return, which `require` finds by the script's name without folder and
    /// `.lua`, is in the memory of every worker. Their output is dropped, and no limit holds for them. Default: none. At `locked`, which has no `require`, what they return is a global.
    /// With `freshState`, and where workers are spawned, they run again in each state.
    public var preload: [LuaScript] = []
    /// What workers see of the environment. Default nil: all of it; at `safe` only the language and time zone; at `locked` nothing, whatever stands here.
    public var environment: LuaEnvironment?
    /// Where workers run. Default nil: where the app is when the pool starts; at `locked` in `/`.
    public var workingDirectory: String?
    /// The path of `luafleet-worker`. Default nil: found by ``LuaPool/findWorker(configured:)``.
    public var workerExecutable: String?
    /// Receives what is of interest to whoever runs the app: a worker that broke the protocol, a fork server that had to be restarted.
    /// Default: a logger with the label "luafleet" that discards.
    public var logger = Logger(label: "luafleet", factory: { _ in SwiftLogNoOpLogHandler() })

    public init(workers: Int? = nil) {
        self.workers = workers ?? LuaPool.defaultWorkerCount
    }
}
