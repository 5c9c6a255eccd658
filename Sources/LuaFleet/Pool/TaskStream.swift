// Many tasks at once with a bound on how many: fed from one side, emptied from the other, memory flat in between.
import DequeModule
import LuaFleetCore
import LuaFleetWire
import Synchronization

/// Between a feeder, the pool and a consumer.
///
/// A task is *outstanding* from the moment it is fed until the consumer asks for what comes after it; the feeder waits while as many are as the window allows.
/// So an endless input is read no faster than its results are used, and a slow consumer costs no memory.
final class TaskStream: TaskWaiter, @unchecked Sendable {  // `state` is under its lock, `batches` is the event loop's
    /// Tasks that ended.
    enum Piece: Sendable {
        case run(ReturnedRun)
        case one(Int, TaskOutcome)

        var first: Int {
            switch self {
            case .run(let run): run.first
            case .one(let index, _): index
            }
        }

        var count: Int {
            switch self {
            case .run(let run): run.count
            case .one: 1
            }
        }
    }

    /// What the consumer takes first.
    enum Order {
        case ofInputs
        case ofCompletion
    }

    fileprivate struct State {
        var outstanding = 0
        var fed = 0
        var inputEnded = false
        var inputFailure: (any Error)?
        var isCancelled = false
        /// That took something from the consumer: tasks, or inputs that were still to come.
        var wasCut = false
        /// A task that failed, where that ends everything.
        var failure: Piece?
        /// In the order of inputs: by the first index. In that of completion: in `queue`.
        var ready: [Int: Piece] = [:]
        var queue: Deque<Piece> = []
        var nextIndex = 0
        /// Tasks of the piece that the consumer has.
        var held = 0
        var consumer: CheckedContinuation<Void, Never>?
        var feeder: CheckedContinuation<Void, Never>?
    }

    private let shell: PoolShell
    private let window: @Sendable () -> Int
    private let order: Order
    private let failsFast: Bool
    /// Told of output as it comes, if anybody is; then it hears of ends after what was written before.
    private let relay: OutputRelay?
    private let state = Mutex(State())
    private var batches: [Int: BatchID] = [:]

    /// - Parameters:
    ///   - window: how many tasks may be outstanding; asked each time.
    ///   - failsFast: the first failure, in time, is handed to the consumer before anything else.
    init(
        shell: PoolShell, order: Order, failsFast: Bool, onOutput: (@Sendable (LuaTaskOutput) -> Void)? = nil,
        window: @escaping @Sendable () -> Int
    ) {
        relay = onOutput.map { OutputRelay($0) }
        self.shell = shell
        self.window = window
        self.order = order
        self.failsFast = failsFast
    }

    // MARK: Feeding; one feeder

    /// Waits until there is room, and says for how many tasks. 0: nobody wants any more.
    func room() async -> Int {
        while true {
            let window = max(1, window())
            let (isCancelled, outstanding) = state.withLock { ($0.isCancelled, $0.outstanding) }
            if isCancelled { return 0 }
            if outstanding < window { return window - outstanding }
            await withCheckedContinuation { continuation in
                let resumeNow = state.withLock { state in
                    if state.isCancelled || state.outstanding < window { return true }
                    state.feeder = continuation
                    return false
                }
                if resumeNow { continuation.resume() }
            }
        }
    }

    /// Hands tasks to the pool; the first one's index is the number of tasks before it.
    func feed(_ request: TaskRequest) {
        let count = Int(request.count)
        let index = state.withLock { state -> Int? in
            guard !state.isCancelled else {
                state.wasCut = true
                return nil  // nobody waits for it
            }
            state.outstanding += count
            state.fed += count
            return state.fed - count
        }
        if let index { shell.enqueue(TaskRecord(request, waiter: self, first: index)) }
    }

    /// A task that failed before it could be sent.
    func feed(failed outcome: TaskOutcome) {
        let index = state.withLock { state in
            state.outstanding += 1
            state.fed += 1
            return state.fed - 1
        }
        complete(.one(index, outcome))
    }

    /// No more tasks; `failure`: the input threw.
    func inputEnded(_ failure: (any Error)? = nil) {
        let consumer = state.withLock { state in
            state.inputEnded = true
            state.inputFailure = failure
            return state.takeConsumer()
        }
        consumer?.resume()
    }

    // MARK: Ends; from the pool

    func tasksSubmitted(as batch: BatchID, first: Int) {
        batches[first] = batch
        if state.withLock({ $0.isCancelled }) { shell.loop.execute { self.shell.cancel([batch]) } }
    }

    func batchEnded(first: Int) {
        batches[first] = nil
    }

    var hearsOutput: Bool { relay != nil }

    func isFull(_ body: @escaping @Sendable () -> Void) -> Bool { relay?.isFull(body) ?? false }

    func taskWrote(_ bytes: UnsafeRawBufferPointer, to stream: OutputStream, task: Int) {
        relay?.wrote(LuaTaskOutput(index: task + 1, isError: stream == .standardError, bytes: Array(bytes)))
    }

    func taskEnded(_ outcome: TaskOutcome, task: Int) {
        end(.one(task, outcome))
    }

    func tasksReturned(_ run: ReturnedRun) {
        end(.run(run))
    }

    private func end(_ piece: Piece) {
        guard let relay else { return complete(piece) }
        relay.afterwards { self.complete(piece) }
    }

    private func complete(_ piece: Piece) {
        let consumer = state.withLock { state -> CheckedContinuation<Void, Never>? in
            switch order {
            case .ofInputs: state.ready[piece.first] = piece
            case .ofCompletion: state.queue.append(piece)
            }
            if state.isCancelled, case .one(_, let outcome) = piece, outcome.end == .cancelled { state.wasCut = true }
            if failsFast, state.failure == nil, case .one(_, let outcome) = piece, outcome.hasFailed {
                state.failure = piece
            }
            return state.canStep(order) ? state.takeConsumer() : nil
        }
        consumer?.resume()
    }

    // MARK: Taking; one consumer

    /// The next tasks that ended, or nil after the last ones. Those of the call before are done with.
    ///
    /// - Throws: what the input threw, after the outcomes of everything before it.
    func next() async throws -> Piece? {
        while true {
            let window = max(1, window())
            let step = state.withLock { $0.step(order, window: window) }
            step.feeder?.resume()
            switch step.kind {
            case .piece(let piece):
                return piece
            case .end(let failure):
                if let failure { throw failure }
                return nil
            case .wait:
                await withCheckedContinuation { continuation in
                    let resumeNow = state.withLock { state in
                        if state.canStep(order) { return true }
                        state.consumer = continuation
                        return false
                    }
                    if resumeNow { continuation.resume() }
                }
            }
        }
    }

    /// Whether it was cancelled before all its tasks had ended by themselves.
    var wasCut: Bool { state.withLock { $0.wasCut } }

    /// Nobody wants the rest: tasks that wait vanish, those that run are killed.
    func cancel() {
        let (feeder, consumer) = state.withLock { state in
            state.isCancelled = true
            if !state.inputEnded { state.wasCut = true }
            let feeder = state.feeder
            state.feeder = nil
            return (feeder, state.takeConsumer())
        }
        feeder?.resume()
        consumer?.resume()
        shell.loop.execute { self.shell.cancel(Array(self.batches.values)) }
    }
}

extension TaskStream.State {
    fileprivate struct Step {
        enum Kind {
            case piece(TaskStream.Piece)
            case end((any Error)?)
            case wait
        }

        var kind: Kind
        var feeder: CheckedContinuation<Void, Never>?
    }

    fileprivate mutating func takeConsumer() -> CheckedContinuation<Void, Never>? {
        let waiting = consumer
        consumer = nil
        return waiting
    }

    /// One that was cancelled does not wait for inputs.
    private var isAtEnd: Bool { (inputEnded || isCancelled) && outstanding == held }

    fileprivate func canStep(_ order: TaskStream.Order) -> Bool {
        if failure != nil || isAtEnd { return true }
        switch order {
        case .ofInputs: return ready[nextIndex] != nil
        case .ofCompletion: return !queue.isEmpty
        }
    }

    fileprivate mutating func step(_ order: TaskStream.Order, window: Int) -> Step {
        // What the consumer had makes room; the feeder is woken for more than one task where the window has room for many.
        outstanding -= held
        held = 0
        var waiting: CheckedContinuation<Void, Never>?
        if outstanding <= window - max(1, window / 4) {
            waiting = feeder
            feeder = nil
        }
        if let failure { return Step(kind: .piece(failure), feeder: waiting) }
        let piece: TaskStream.Piece?
        switch order {
        case .ofInputs: piece = ready.removeValue(forKey: nextIndex)
        case .ofCompletion: piece = queue.popFirst()
        }
        guard let piece else {
            return Step(kind: isAtEnd ? .end(inputFailure) : .wait, feeder: waiting)
        }
        nextIndex += piece.count
        held = piece.count
        return Step(kind: .piece(piece), feeder: waiting)
    }
}
