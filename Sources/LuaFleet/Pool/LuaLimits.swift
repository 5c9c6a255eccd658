// What a task may use, and what it did use.
import LuaFleetWire

/// What a task may use. Nil: no limit, but for those that its sandbox level brings.
public struct LuaLimits: Sendable, Hashable {
    /// What happens with output over the limit.
    public enum OverOutput: Sendable, Hashable {
        /// The task ends there and fails with ``LuaFleetError/Code/outputLimit``.
        case fail
        /// The rest is dropped, and a mark stands in its place.
        case cut
    }

    /// From the task's start to its end. A task that is over it is killed, whatever it is doing, at once or at the end of a ``LuaPoolConfiguration/gracePeriod``, and fails with ``LuaFleetError/Code/timeout``.
    /// Default: none; 10 s at `locked`. Waiting for a worker does not count.
    public var wallTime: Duration?
    /// From the task's submission to its start. A task that waits longer for a worker fails with ``LuaFleetError/Code/timeout`` and never runs. Default: none.
    public var queueTime: Duration?
    /// Processor time of the task's process, at least 1 ms; sleeping and waiting do not count. A task that is over it is ended by SIGXCPU (timer_create(2)), within the kernel's tick
    /// of a few milliseconds, and fails with ``LuaFleetError/Code/cpuLimit``. Child processes of the script do not count. Default: none.
    public var cpuTime: Duration?
    /// Bytes that the task's Lua state and its messages may hold; preloaded scripts come on top. A task that asks for more gets a Lua error, which it may catch, and
    /// fails with ``LuaFleetError/Code/memoryLimit``. Behind it stands a limit on the address space (RLIMIT_AS). Default: none; 64 MiB at `locked`.
    public var memory: Int?
    /// Instructions of Lua's virtual machine, counted in steps of 1,000. A task that is over it fails with ``LuaFleetError/Code/instructionLimit``, and `pcall` does not
    /// help it. Counting makes a tight loop up to twice as slow; without a limit it costs nothing. What runs in `__gc` is not counted: set a ``wallTime``, too. Default: none.
    public var instructions: UInt64?
    /// Bytes on standard output and standard error together. Default: none; 1 MiB at `safe` and `locked`.
    public var output: Int?
    /// Default: the task fails.
    public var overOutput = OverOutput.fail
    /// Bytes of the encoded results; over it the task fails with ``LuaFleetError/Code/resultLimit``. Default: 64 MiB; 8 MiB at `locked`.
    public var result: Int?

    public init(
        wallTime: Duration? = nil, queueTime: Duration? = nil, cpuTime: Duration? = nil, memory: Int? = nil,
        instructions: UInt64? = nil,
        output: Int? = nil, overOutput: OverOutput = .fail, result: Int? = nil
    ) {
        self.wallTime = wallTime
        self.queueTime = queueTime
        self.cpuTime = cpuTime
        self.memory = memory
        self.instructions = instructions
        self.output = output
        self.overOutput = overOutput
        self.result = result
    }

    /// With what the level brings where nothing was set.
    func atLevel(_ sandbox: LuaSandbox) -> LuaLimits {
        var limits = self
        if sandbox != .none { limits.output = output ?? 1 << 20 }
        if sandbox == .locked {
            limits.wallTime = wallTime ?? .seconds(10)
            limits.memory = memory ?? 64 << 20
        }
        return limits
    }
}

/// What a task has used of its budgets.
public struct LuaTaskUsage: Sendable, Hashable {
    /// Processor time of its process, up to its answer.
    public var cpuTime: Duration
    /// The most that its Lua state held, preloaded scripts included, in bytes.
    public var peakMemory: Int
    /// Instructions, in steps of 1,000; 0 where there is no limit on them.
    public var instructions: UInt64
    /// Bytes on standard output and standard error, also those that were cut.
    public var output: Int

    init(_ usage: TaskUsage) {
        cpuTime = .nanoseconds(Int64(clamping: usage.processorNanoseconds))
        peakMemory = Int(clamping: usage.memoryPeak)
        instructions = usage.instructions
        output = Int(clamping: usage.output)
    }
}
