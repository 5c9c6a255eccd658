// The jobs of a run whose reports are still owed.
import Synchronization

final class JobTable: Sendable {
    private enum Entry {
        case sent(LuaJob)
        case failed(LuaJob, LuaFleetError)
    }

    private let entries = Mutex<[Int: Entry]>([:])

    func add(_ index: Int, _ job: LuaJob) {
        entries.withLock { $0[index] = .sent(job) }
    }

    func add(_ index: Int, _ job: LuaJob, _ error: LuaFleetError) {
        entries.withLock { $0[index] = .failed(job, error) }
    }

    func take(_ index: Int, _ outcome: TaskOutcome, _ pool: LuaPool) -> LuaTaskReport {
        switch entries.withLock({ $0.removeValue(forKey: index) }) {
        case .sent(let job): pool.report(outcome, job, index: index + 1)
        case .failed(let job, let error): LuaPool.report(failed: error, job, index: index + 1)
        // Never: added before it was fed.
        case nil: LuaPool.report(failed: LuaFleetError.closed, LuaJob(.source("")), index: index + 1)
        }
    }
}
