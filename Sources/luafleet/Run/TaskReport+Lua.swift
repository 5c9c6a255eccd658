// A report of the library as the report that the command line prints.
import LuaFleet

extension TaskReport {
    init(_ report: LuaTaskReport, input: InputRecord) {
        self.init(
            index: report.index, script: report.job.script.name, input: input, outcome: Outcome(report.result),
            standardOutput: report.standardOutput, standardError: report.standardError,
            seconds: report.duration.inSeconds, attempts: report.attempts, worker: report.worker, pid: Int(report.pid))
    }
}

extension TaskReport.Outcome {
    init(_ result: Result<LuaResults, any Error>) {
        switch result {
        case .success(let values): self = .values(Array(values))
        case .failure(let error as LuaError):
            self = .failure(
                Failure(
                    kind: .script, message: Bytes(error.message.utf8), traceback: Bytes((error.traceback ?? "").utf8)))
        case .failure(let error as LuaFleetError): self = .failure(Failure(error))
        case .failure(let error): self = .failure(Failure(kind: .setup, message: Bytes("\(error)".utf8)))
        }
    }
}

extension Failure {
    init(_ error: LuaFleetError) {
        // A pool that was closed under a task has cancelled it; other codes than these do not come from a run.
        self.init(kind: Kind(rawValue: error.code.kind) ?? .cancelled, message: Bytes(error.message.utf8))
        switch error.code.exit {
        case .signal(let number): signal = Int(number)
        case .status(let number): status = Int(number)
        case .unknown, nil: break
        }
    }
}
