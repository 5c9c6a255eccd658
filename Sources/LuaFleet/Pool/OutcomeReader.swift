// Turns the end of a task into what a caller sees: values, or one of the two errors.
import Glibc
import LuaFleetCore
import LuaFleetWire

struct OutcomeReader {
    /// Named in setup errors.
    var executable: String
    /// Of the task.
    var limits: LuaLimits

    /// What is wrong with an outcome, or nil when the task returned.
    func failure(of outcome: TaskOutcome, script: LuaScript, index: Int) -> (any Error)? {
        guard outcome.hasFailed else { return nil }
        let context = LuaTaskContext(
            script: script.description, index: index, worker: outcome.worker, pid: outcome.pid,
            attempts: Int(outcome.attempts), arguments: preview(outcome.extras.arguments),
            standardErrorTail: String(decoding: outcome.extras.standardError.suffix(4096), as: UTF8.self))
        func fleetError(_ code: LuaFleetError.Code, _ message: String) -> LuaFleetError {
            LuaFleetError(code: code, message: message, task: context)
        }
        switch outcome.end {
        case .answered:
            return nil
        case .failed:
            guard case .failure(let kind, let message) = outcome.answer else {
                return fleetError(.protocolViolation, "the worker answered nothing")
            }
            return scriptFailure(kind, message, context)
        case .timedOut(let limit):
            return fleetError(.timeout, "timed out after \(seconds(limit)) s")
        case .queueTimedOut(let limit):
            return fleetError(.timeout, "timed out after \(seconds(limit)) s in the queue")
        case .cancelled:
            return fleetError(.cancelled, "cancelled")
        case .workerDied(let exit):
            if let code = outcome.extras.exitCode {
                return fleetError(
                    .workerDied(.status(code)), "the script ended its process: os.exit, status \(code)")
            }
            if let limit = limits.cpuTime, exit.reason == .signal(SIGXCPU) {
                return fleetError(.cpuLimit, "used more than \(seconds(limit)) s of processor time")
            }
            return fleetError(.workerDied(LuaWorkerExit(exit)), "worker \(LuaWorkerExit(exit))")
        case .quarantined(let kills, let exit):
            return fleetError(
                .workerDied(LuaWorkerExit(exit)),
                "set aside after \(kills) workers died of it; the last one \(LuaWorkerExit(exit))")
        case .forkServerDied:
            return fleetError(.workerDied(.unknown), "worker \(LuaWorkerExit.unknown)")
        case .notForked(let number):
            return fleetError(.setup, "cannot fork a process for the task: \(String(cString: strerror(number)))")
        case .protocolViolation(let violation):
            return fleetError(.protocolViolation, "worker broke the protocol: \(violation)")
        case .setupFailed(let failure):
            var error = LuaFleetError.setup(failure, executable: executable)
            error.task = context
            return error
        case .poolTerminated:
            return fleetError(.poolClosed, "the pool was terminated")
        }
    }

    private func scriptFailure(_ kind: WireFailure, _ message: [UInt8], _ context: LuaTaskContext) -> any Error {
        let parts = (try? LuaMessage.decode(LuaResults.self, from: message)).map(Array.init) ?? []
        let text = parts.first?.string ?? "(the worker's message cannot be read)"
        let traceback = parts.dropFirst().first?.string
        func fleetError(_ code: LuaFleetError.Code) -> LuaFleetError {
            LuaFleetError(code: code, message: text, task: context)
        }
        func luaError(_ kind: LuaError.Kind) -> LuaError {
            LuaError(
                kind: kind, message: text, traceback: traceback, value: parts.dropFirst(2).first, task: context)
        }
        switch kind {
        case .scriptError: return luaError(.raised)
        case .loadError: return luaError(.syntax)
        case .noFunction: return luaError(.noFunction)
        case .memoryLimit: return fleetError(.memoryLimit)
        case .notEncodable: return fleetError(.notEncodable)
        case .resultLimit: return fleetError(.resultLimit)
        case .outputLimit: return fleetError(.outputLimit)
        case .instructionLimit: return fleetError(.instructionLimit)
        case .badMessage: return fleetError(.protocolViolation)
        }
    }

    /// The arguments as Lua would write them, cut.
    private func preview(_ arguments: [UInt8]) -> String {
        guard let values = try? LuaMessage.decode(LuaResults.self, from: arguments) else { return "(long)" }
        let text = Array(values).map(\.description).joined(separator: ", ")
        return text.count > 200 ? text.prefix(200) + "…" : text
    }

    private func seconds(_ duration: Duration) -> String {
        let nanoseconds = duration.clampedNanoseconds
        var text = "\(nanoseconds / 1_000_000_000)"
        let rest = nanoseconds % 1_000_000_000
        if rest > 0 {
            var digits = String(String(rest + 1_000_000_000).dropFirst())
            while digits.last == "0" { digits.removeLast() }
            text += "." + digits
        }
        return text
    }
}
