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

/// What a task may use. Nil: no limit.
public struct LuaLimits: Sendable, Hashable {
    /// From the task's start to its end. A task that is over it is killed, whatever it is doing, and fails with ``LuaFleetError/Code/timeout``.
    /// Default: none. Waiting for a worker does not count.
    public var wallTime: Duration?

    public init(wallTime: Duration? = nil) {
        self.wallTime = wallTime
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
    /// The path of `luafleet-worker`. Default nil: found by ``LuaPool/findWorker(configured:)``.
    public var workerExecutable: String?
    /// Receives what is of interest to whoever runs the app: a worker that broke the protocol, a fork server that had to be restarted.
    /// Default: a logger with the label "luafleet" that discards.
    public var logger = Logger(label: "luafleet", factory: { _ in SwiftLogNoOpLogHandler() })

    public init(workers: Int? = nil) {
        self.workers = workers ?? LuaPool.defaultWorkerCount
    }
}
