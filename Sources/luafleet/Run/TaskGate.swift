// Lets tasks through to the pool one by one, and knows what is on the other side.
import LuaFleet
import Synchronization

/// The sequence of jobs that the pool takes: what ``StartPlan`` decides, done. One feeder, one consumer of ends, any thread for the rest.
final class TaskGate: AsyncSequence, Sendable {
    typealias Element = LuaJob

    /// A task that was let through and has not ended.
    struct Running: Sendable {
        var task: PlannedTask
        /// The place it takes of all that run at a time, from 1; 0: the pool has it ahead of need.
        var slot = 0
        /// Tries, this one counted.
        var attempts: Int
        var start: ContinuousClock.Instant?
    }

    private struct Retry {
        var task: PlannedTask
        var attempts: Int
        /// What is to be said of the task if it does not get another try after all.
        var last: TaskReport
    }

    private struct State {
        var plan: StartPlan
        var running: [Int: Running] = [:]
        /// The last one that has begun; the pool begins them in order.
        var begun = 0
        var begunCount = 0
        var isTaken: [Bool] = []
        var retries: [Retry] = []
        /// Jobs let through: the pool numbers them so.
        var count = 0
        /// Changes with everything that a waiter may be waiting for.
        var version = 0
        /// Resumes it. No continuation, whose type would be made at every start.
        var waiter: (@Sendable () -> Void)?
        var skipped: [Int] = []

        /// The next task in line begins, if there is one and a place for it.
        mutating func beginNext(places: Int, at now: ContinuousClock.Instant) {
            while begunCount < places, begun < count {
                begun += 1
                guard running[begun] != nil else { continue }
                let slot = isTaken.firstIndex(of: false) ?? isTaken.count
                if slot == isTaken.count { isTaken.append(true) } else { isTaken[slot] = true }
                running[begun]?.slot = slot + 1
                running[begun]?.start = now
                begunCount += 1
            }
        }
    }

    private let feed: TaskFeed
    private let arguments: TaskArguments
    private let machine: MachineLimits
    private let workers: Int
    private let state: Mutex<State>

    /// `workers`: how many tasks run at a time; `plan` may let more through.
    init(_ feed: TaskFeed, workers: Int, plan: StartPlan, arguments: TaskArguments, machine: MachineLimits) {
        self.workers = workers
        self.feed = feed
        self.arguments = arguments
        self.machine = machine
        state = Mutex(State(plan: plan))
        feed.onArrival { [weak self] in self?.wake() }
    }

    func makeAsyncIterator() -> Iterator { Iterator(gate: self) }

    struct Iterator: AsyncIteratorProtocol {
        fileprivate let gate: TaskGate

        mutating func next() async throws -> LuaJob? { try await gate.next() }
    }

    // MARK: Starting

    private func next() async throws -> LuaJob? {
        while true {
            let now = ContinuousClock.now
            let (step, version) = state.withLock { ($0.plan.step(at: now, machineIsFree: machine.isFree), $0.version) }
            switch step {
            case .end: return nil
            case .wait(let until): await wait(from: version, until: until)
            case .retry:
                let retry = state.withLock { $0.retries.isEmpty ? nil : $0.retries.removeFirst() }
                if let retry { return start(retry.task, attempts: retry.attempts + 1, isRetry: true, at: now) }
            case .input:
                switch try feed.take() {
                case .wait: await wait(from: version, until: nil)
                case .end: state.withLock { $0.plan.inputEnded() }
                case .step(.skipped(let sequence)): state.withLock { $0.skipped.append(sequence) }
                case .step(.task(let task)): return start(task, attempts: 1, isRetry: false, at: now)
                }
            }
        }
    }

    private func start(_ task: PlannedTask, attempts: Int, isRetry: Bool, at now: ContinuousClock.Instant) -> LuaJob {
        let slot = state.withLock { state in
            state.count += 1
            state.running[state.count] = Running(task: task, attempts: attempts)
            state.plan.taskStarted(isRetry: isRetry, at: now)
            state.beginNext(places: workers, at: now)
            return state.running[state.count]?.slot ?? 0
        }
        return arguments.job(task, slot: slot, attempt: attempts)
    }

    /// Until something has happened since `version`, or the time has come.
    private func wait(from version: Int, until: ContinuousClock.Instant?) async {
        let timer = until.map { until in
            Task {
                try? await Task.sleep(until: until)  // cut short where something else happened
                self.wake()
            }
        }
        await withCheckedContinuation { continuation in
            let resumesNow = state.withLock { state in
                if state.version != version { return true }
                state.waiter = { continuation.resume() }
                return false
            }
            if resumesNow { continuation.resume() }
        }
        timer?.cancel()
    }

    private func wake() {
        state.withLock { state in
            state.version += 1
            return state.waiter.take()
        }?()
    }

    // MARK: Ends

    /// The task that the pool calls number `index`.
    func task(_ index: Int) -> Running? {
        state.withLock { $0.running[index] }
    }

    /// Task `index` has ended; with `retry` it is started again before any other, and that is what became of it.
    func ended(_ index: Int, retry last: TaskReport? = nil) {
        state.withLock { state in
            guard let running = state.running.removeValue(forKey: index) else { return }
            if running.slot > 0 {
                state.isTaken[running.slot - 1] = false
                state.begunCount -= 1
            }
            state.beginNext(places: workers, at: .now)
            state.plan.taskEnded(retries: last != nil)
            if let last { state.retries.append(Retry(task: running.task, attempts: running.attempts, last: last)) }
        }
        wake()
    }

    /// Tasks that will not get the try that they waited for.
    func takeLeftRetries() -> [TaskReport] {
        state.withLock { state in
            defer { state.retries = [] }
            return state.retries.map(\.last)
        }
    }

    /// Numbers of tasks that an earlier run has done.
    func takeSkipped() -> [Int] {
        state.withLock { state in
            defer { state.skipped = [] }
            return state.skipped
        }
    }

    func outputHeld(_ count: Int) {
        state.withLock { $0.plan.outputHeld(count) }
        wake()
    }

    /// Nothing starts any more.
    func drain() {
        state.withLock { $0.plan.drain() }
        wake()
    }

    var isDraining: Bool { state.withLock { $0.plan.isDraining } }

    /// In the order of their starts, with the pool's numbers.
    var running: [(index: Int, task: Running)] {
        state.withLock { state in
            state.running.filter { $0.value.start != nil }.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
        }
    }

    var runningCount: Int { state.withLock { $0.begunCount } }
}
