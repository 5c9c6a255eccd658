// What is known of a task that has ended, as everything that prints it needs it.
import LuaFleet

struct TaskReport: Sendable {
    enum Outcome: Sendable {
        case values([LuaValue])
        case failure(Failure)
    }

    /// From 1, in the order of the inputs.
    var index: Int
    var script: String
    /// Empty where scripts run once each.
    var input: InputRecord = []
    var outcome: Outcome
    var standardOutput = Bytes()
    var standardError = Bytes()
    var seconds: Double
    var attempts = 1
    /// The slot, from 1.
    var worker: Int
    var pid: Int
    /// Of all that run at a time, from 1.
    var slot = 0
    /// Only where there is a joblog.
    var key: ContentKey?
    /// It failed in an earlier run.
    var isRerun = false
    /// When it ended, in seconds since 1970.
    var endTime = 0.0

    var isFailure: Bool {
        if case .failure = outcome { true } else { false }
    }
}

struct Failure: Error, Equatable, Sendable {
    /// A contract: `--json-output` writes the raw values.
    enum Kind: String, CaseIterable, Sendable {
        case script
        case timeout
        case cpuLimit = "cpu_limit"
        case memoryLimit = "memory_limit"
        case instructionLimit = "instruction_limit"
        case outputLimit = "output_limit"
        case resultLimit = "result_limit"
        case notEncodable = "not_encodable"
        case workerDied = "worker_died"
        case `protocol`
        case setup
        case cancelled
    }

    var kind: Kind
    var message: Bytes
    var traceback = Bytes()
    /// Only of `workerDied`: one of the two.
    var signal: Int?
    var status: Int?
}
