// What a task may use and what happens when it fails: set once for a batch.
import LuaFleetWire

package struct TaskPolicy: Equatable, Sendable {
    /// From the task's start to its end; nil: for ever.
    package var wallTime: Duration?
    /// From its submission to its first start; nil: for ever.
    package var queueTime: Duration?
    /// Tasks that go to a worker together; 0: as many as suit their duration.
    package var chunk: UInt32 = 0
    /// Whether a worker may be given tasks while it runs another one.
    package var allowsPrefetch = true
    /// Between the error that is raised in the script and the kill, when a task is cancelled or late; nil: it is killed at once.
    package var grace: Duration?
    package var retry = RetryPolicy()

    package init(wallTime: Duration? = nil) {
        self.wallTime = wallTime
    }
}

/// Which failures start a task again, how often, and after what pause.
package struct RetryPolicy: Equatable, Sendable {
    /// Kinds of failure.
    package struct Kinds: OptionSet, Sendable, Hashable {
        package var rawValue: UInt32
        package init(rawValue: UInt32) {
            self.rawValue = rawValue
        }

        package static let scriptError = Kinds(rawValue: 1)
        package static let timeout = Kinds(rawValue: 2)
        package static let workerDied = Kinds(rawValue: 4)
        package static let memoryLimit = Kinds(rawValue: 8)
        package static let resultLimit = Kinds(rawValue: 16)
        package static let notEncodable = Kinds(rawValue: 32)
        package static let protocolViolation = Kinds(rawValue: 64)
        package static let cpuLimit = Kinds(rawValue: 128)
        package static let instructionLimit = Kinds(rawValue: 256)
        package static let outputLimit = Kinds(rawValue: 512)
        package static let setup = Kinds(rawValue: 1024)
    }

    /// Starts after the first one; 0: none.
    package var max: UInt32 = 0
    package var kinds: Kinds = []
    /// Before the second start; doubled for each further one, up to `longestPause`.
    package var pause = Duration.zero
    package var longestPause = Duration.seconds(60)
    /// A task under which so many workers have died is not started again, whatever `max` says; 0: no such bound.
    package var maxKills: UInt32 = 0

    package init() {}

    /// How long to wait after `attempt` starts.
    func pause(after attempt: UInt32) -> Duration {
        guard pause > .zero else { return .zero }
        return min(longestPause, pause * (1 << Int(min(attempt - 1, 30))))
    }
}

extension TaskEnd {
    /// What a retry policy calls it; none: it is never tried again.
    var retryKinds: RetryPolicy.Kinds {
        switch self {
        case .answered, .cancelled, .queueTimedOut, .setupFailed, .poolTerminated, .quarantined: []
        case .failed(let failure): failure.retryKinds
        case .timedOut: .timeout
        // SIGXCPU, 24 on Linux: what a budget of processor time ends with.
        case .workerDied(let exit) where exit.reason == .signal(24): [.workerDied, .cpuLimit]
        case .workerDied, .forkServerDied: .workerDied
        case .notForked: .setup
        case .protocolViolation: .protocolViolation
        }
    }
}

extension WireFailure {
    var retryKinds: RetryPolicy.Kinds {
        switch self {
        case .scriptError: .scriptError
        case .memoryLimit: .memoryLimit
        case .notEncodable: .notEncodable
        case .resultLimit: .resultLimit
        case .outputLimit: .outputLimit
        case .instructionLimit: .instructionLimit
        case .loadError, .noFunction, .badMessage: []
        }
    }
}
