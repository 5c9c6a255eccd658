// The error of a script: it raised.

/// A script raised an error, did not compile, or has no such function. What went wrong is in the script, not in the fleet.
public struct LuaError: Error, Sendable, CustomStringConvertible {
    /// Which of the script's faults it is.
    public enum Kind: Sendable, Hashable {
        /// `error(…)`, or an operation that Lua refuses, while the task ran.
        case raised
        /// The script does not compile.
        case syntax
        /// The chunk neither returns nor defines the function, or it is no function.
        case noFunction
    }

    public var kind: Kind
    /// What `tostring` makes of the error value, as `lua` prints it; invalid UTF-8 repaired.
    public var message: String
    /// Lua's stack where the error was raised (`debug.traceback`), or nil.
    public var traceback: String?
    /// The error value itself where it is not a string and can be sent, else nil.
    public var value: LuaValue?
    /// The task that failed.
    public var task: LuaTaskContext

    public init(
        kind: Kind, message: String, traceback: String? = nil, value: LuaValue? = nil,
        task: LuaTaskContext = LuaTaskContext()
    ) {
        self.kind = kind
        self.message = message
        self.traceback = traceback
        self.value = value
        self.task = task
    }

    public var description: String {
        traceback.map { "\(message)\n\($0)" } ?? message
    }
}

/// Which task it was, and where it ran.
public struct LuaTaskContext: Sendable, Hashable {
    /// The script and its function.
    public var script: String
    /// Within its map or run, from 1.
    public var index: Int
    /// The slot of the worker, from 1; 0: it never ran.
    public var worker: Int
    /// The process that ran it; 0: none.
    public var pid: Int32
    /// How often it was started.
    public var attempts: Int
    /// The arguments, as Lua would write them, cut to 200 characters.
    public var arguments: String
    /// The last of what the task wrote to standard error, up to 4 KiB.
    public var standardErrorTail: String

    public init(
        script: String = "", index: Int = 0, worker: Int = 0, pid: Int32 = 0, attempts: Int = 0,
        arguments: String = "", standardErrorTail: String = ""
    ) {
        self.script = script
        self.index = index
        self.worker = worker
        self.pid = pid
        self.attempts = attempts
        self.arguments = arguments
        self.standardErrorTail = standardErrorTail
    }
}
