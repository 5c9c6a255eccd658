// The jobs of a run whose reports are still owed.
import NIOConcurrencyHelpers

final class JobTable: Sendable {
    private enum Entry {
        case sent(LuaJob, arguments: [UInt8])
        case failed(LuaJob, LuaFleetError)
    }

    private let entries = NIOLockedValueBox<[Int: Entry]>([:])

    func add(_ index: Int, _ job: LuaJob, _ arguments: [UInt8]) {
        entries.withLockedValue { $0[index] = .sent(job, arguments: arguments) }
    }

    func add(_ index: Int, _ job: LuaJob, _ error: LuaFleetError) {
        entries.withLockedValue { $0[index] = .failed(job, error) }
    }

    func take(_ index: Int, _ outcome: TaskOutcome, _ pool: LuaPool) -> LuaTaskReport {
        switch entries.withLockedValue({ $0.removeValue(forKey: index) }) {
        case .sent(let job, let arguments): pool.report(outcome, job, arguments, index: index + 1)
        case .failed(let job, let error): LuaPool.report(failed: error, job, index: index + 1)
        case nil: LuaPool.report(failed: LuaFleetError.closed, LuaJob(.source("")), index: index + 1)  // never: added before it was fed
        }
    }
}
