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

/// When a worker ends after a task and a fresh one takes its place.
public enum LuaRecycling: Sendable, Hashable {
    /// After exactly so many tasks, at least 1. `maxtasksperchild` in Python.
    case afterTasks(Int)
    /// When its process holds more than so many bytes of memory after a task (resident set, proc(5)).
    case rssAbove(Int)
}

/// Whether, when and how often a task that failed is started again. Default: never, since a task may have had effects.
public struct LuaRetry: Sendable, Hashable {
    /// A kind of failure; the words of ``LuaFleetError/Code``, and ``scriptError`` for ``LuaError``.
    public enum Kind: UInt32, Sendable, CaseIterable {
        /// The script raised an error.
        case scriptError
        case timeout
        case workerDied
        case memoryLimit
        case resultLimit
        case cpuLimit
        case instructionLimit
        case outputLimit
        case notEncodable
        case protocolViolation
    }

    /// Starts after the first one. Default: 0.
    public var max: Int
    /// Which failures. Default: worker deaths.
    public var kinds: Set<Kind> {
        get { Set(Kind.allCases.filter { bits & Self.bit($0) != 0 }) }
        set { bits = newValue.reduce(0) { $0 | Self.bit($1) } }
    }
    /// Of `kinds`. No set: that of the default would be made at every start of a pool.
    private var bits: UInt32
    /// The pause before the second start; doubled for each further one, up to a minute. Default: none.
    public var backoff: Duration
    /// A task under which so many workers died is set aside, whatever ``max`` says; 0: no such bound. Default: 3.
    public var maxKills: Int

    public init(
        max: Int = 0, on kinds: Set<Kind> = [.workerDied], backoff: Duration = .zero, maxKills: Int = 3
    ) {
        self.max = max
        bits = kinds.reduce(0) { $0 | Self.bit($1) }
        self.backoff = backoff
        self.maxKills = maxKills
    }

    /// The default of a pool.
    static let never = LuaRetry(bits: bit(.workerDied))

    private init(bits: UInt32) {
        (max, self.bits, backoff, maxKills) = (0, bits, .zero, 3)
    }

    private static func bit(_ kind: Kind) -> UInt32 { 1 << kind.rawValue }
}

/// A script that prepares a worker or tidies up after it, with arguments.
public struct LuaPreparation: Sendable {
    public var script: LuaScript
    public var arguments: [LuaValue]

    public init(_ script: LuaScript, _ arguments: [LuaValue] = []) {
        self.script = script
        self.arguments = arguments
    }

    /// The same as `.init(.source(source))`.
    public static func source(_ source: String) -> LuaPreparation { LuaPreparation(.source(source)) }
    /// The same as `.init(.file(path))`.
    public static func file(_ path: String) -> LuaPreparation { LuaPreparation(.file(path)) }
}

/// The settings of a ``LuaPool``. A value: changing it later changes no pool.
public struct LuaPoolConfiguration: Sendable {
    /// Worker processes, at most. Default: the processors that this process may use (affinity and cgroup quota count).
    public var workers: Int
    /// Workers to keep when there is little to do; the others start when tasks wait and end after ``idleTimeout``. Default nil: as many as ``workers``.
    public var minimumWorkers: Int?
    /// How long a worker above the minimum may be idle. Default: 10 s. Counts where there is a minimum.
    public var idleTimeout: Duration = .seconds(10)
    /// Default: `.shared`.
    public var isolation: LuaIsolation = .shared
    /// For every task. Default: none.
    public var limits = LuaLimits()
    /// What a task that is cancelled or over its wall time gets to tidy up, before its worker is killed. Longer than zero: an error is raised in its script, once, where it
    /// stands ("cancelled" or "deadline"), so that its `<close>` variables and its `pcall`s end as after any error; in a coroutine it goes on in whoever resumed it. A sleep, a wait for a
    /// shared object or a blocked read ends. A task that ends in this time keeps its worker, and its outcome is the same as without; one that has caught the error and returned has returned. One that does
    /// not end, or cannot hear of it (one long call into C, a finalizer), is killed at the end of it. ``LuaPool/terminate()`` gives none.
    /// Default: zero, killed at once. At least 1 ms, or zero. (lua_sethook in a signal handler, as lua.c does; SIGUSR1 of the workers is taken.)
    public var gracePeriod: Duration = .zero
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
    /// Default: never.
    public var retry = LuaRetry.never
    /// Default nil: a worker lives as long as its pool.
    public var recycle: LuaRecycling?
    /// Run once in each worker before its first task, in the state that the tasks see where ``isolation`` is `.shared` or `.freshProcess`. Its results are dropped. One that
    /// fails in the first worker fails the pool's `init`. Default: none.
    public var initializer: LuaPreparation?
    /// Run once in each worker that ends in peace: recycled, idle, or because the pool closes. Its results are in ``LuaPool/finalizerResults``. Default: none.
    public var finalizer: LuaPreparation?
    /// What an initializer or a finalizer may take. Default: 60 s.
    public var preparationTimeout: Duration = .seconds(60)
    /// The path of `luafleet-worker`. Default nil: found by ``LuaPool/findWorker(configured:)``.
    public var workerExecutable: String?
    /// Receives what is of interest to whoever runs the app: a worker that broke the protocol, a fork server that had to be restarted.
    /// Default: a logger with the label "luafleet" that discards.
    public var logger = Logger(label: "luafleet", factory: { _ in SwiftLogNoOpLogHandler() })

    public init(workers: Int? = nil) {
        self.workers = workers ?? LuaPool.defaultWorkerCount
    }
}
