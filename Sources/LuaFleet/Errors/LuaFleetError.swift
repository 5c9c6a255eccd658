// The error of everything but the script: limits, dead workers, a pool that cannot start.

/// How a worker, or a task's process, ended.
public enum LuaWorkerExit: Sendable, Hashable, CustomStringConvertible {
    /// It exited with this status, for instance by `os.exit`.
    case status(Int32)
    /// It was killed by this signal (signal(7)).
    case signal(Int32)
    /// It ended together with its fork server; how is not known.
    case unknown

    public var description: String {
        switch self {
        case .status(let status): "exited with status \(status)"
        case .signal(let signal): "killed by signal \(signal)\(Self.signalName(signal).map { " (\($0))" } ?? "")"
        case .unknown: "ended with its fork server"
        }
    }

    private static func signalName(_ signal: Int32) -> String? {
        [
            1: "SIGHUP", 2: "SIGINT", 3: "SIGQUIT", 4: "SIGILL", 5: "SIGTRAP", 6: "SIGABRT", 7: "SIGBUS", 8: "SIGFPE",
            9: "SIGKILL", 10: "SIGUSR1", 11: "SIGSEGV", 12: "SIGUSR2", 13: "SIGPIPE", 14: "SIGALRM", 15: "SIGTERM",
            24: "SIGXCPU", 25: "SIGXFSZ", 31: "SIGSYS",
        ][signal]
    }
}

/// The fleet could not do what was asked, for a reason that is not an error in the script.
public struct LuaFleetError: Error, Sendable, CustomStringConvertible {
    /// What went wrong. Open: later releases may add codes.
    public struct Code: Sendable, Hashable, CustomStringConvertible {
        /// The word for it, as `--json-output` writes it.
        public let kind: String
        /// How the worker ended, for `workerDied`.
        public let exit: LuaWorkerExit?

        init(_ kind: String, exit: LuaWorkerExit? = nil) {
            self.kind = kind
            self.exit = exit
        }

        /// The task ran longer than `limits.wallTime` and was killed.
        public static let timeout = Code("timeout")
        /// The script, or the encoding of its results, needed more memory than the limit.
        public static let memoryLimit = Code("memory_limit")
        /// The task used more processor time than `limits.cpuTime` and was ended by SIGXCPU.
        public static let cpuLimit = Code("cpu_limit")
        /// The task ran more instructions than `limits.instructions`.
        public static let instructionLimit = Code("instruction_limit")
        /// The task wrote more than `limits.output`.
        public static let outputLimit = Code("output_limit")
        /// A result is larger, deeper or longer than the cap, or than `limits.result`.
        public static let resultLimit = Code("result_limit")
        /// The arguments are larger, deeper or longer than the cap.
        public static let argumentLimit = Code("argument_limit")
        /// An argument or a result has no meaning in another process; the message names it.
        public static let notEncodable = Code("not_encodable")
        /// The worker ended without an answer.
        public static func workerDied(_ exit: LuaWorkerExit) -> Code { Code("worker_died", exit: exit) }
        /// The worker broke the protocol and was killed.
        public static let protocolViolation = Code("protocol")
        /// No worker can be had, or a script cannot be read.
        public static let setup = Code("setup")
        /// A result is not of the Swift type that was asked for; the message names the place.
        public static let notDecodable = Code("not_decodable")
        /// The task was cancelled.
        public static let cancelled = Code("cancelled")
        /// The pool takes no more tasks, or was terminated under this one.
        public static let poolClosed = Code("pool_closed")

        public var description: String { exit.map { "\(kind): \($0)" } ?? kind }
    }

    public var code: Code
    /// One line: what happened and, where there is one, the name of the file or the place in a value.
    public var message: String
    /// The task it is about; empty where it is about none.
    public var task: LuaTaskContext

    public init(code: Code, message: String, task: LuaTaskContext = LuaTaskContext()) {
        self.code = code
        self.message = message
        self.task = task
    }

    public var description: String { message }

    /// A script that cannot be read.
    static func script(_ path: String, _ reason: String) -> LuaFleetError {
        LuaFleetError(
            code: .setup, message: "cannot read script \(path): \(reason)", task: LuaTaskContext(script: path))
    }

    static let cancelled = LuaFleetError(code: .cancelled, message: "cancelled")
    static let closed = LuaFleetError(code: .poolClosed, message: "the pool is closed")
}
