// The tasks of a run in order, read on a thread of their own, because a pipe may have nothing for hours.
import NIOPosix
import Synchronization

/// Where tasks come from: one at a time, nil at the end. Not called by two threads at once.
protocol TaskSource: Sendable {
    mutating func next() throws(UsageError) -> TaskPlanner.Planned?
    /// Whether `next` will not wait.
    var hasMoreAtHand: Bool { get }
    /// Whether `next` never waits: then no thread of its own is needed to read.
    var neverWaits: Bool { get }
    /// Not the plan itself: that would be copied, with all that it knows, whenever the source goes on.
    var resumed: ResumePlan.Counts { get }
}

/// Between the reading thread and the run. Reads a batch ahead, or, where somebody wants the total, as far as it may.
final class TaskFeed: Sendable {
    /// Larger: fewer changes of thread for a million short lines; the memory is that of so many lines.
    private static let batchLimit = 256
    /// How far is read ahead to know the total. Larger: a bar knows its end for longer inputs; the memory is that of so many tasks.
    static let aheadLimit = 200_000

    enum Step: Sendable {
        case task(PlannedTask)
        case skipped(Int)
    }

    enum Now: Sendable {
        case step(Step)
        case end
        case wait
    }

    private struct State {
        var steps: [Step] = []
        var position = 0
        var isReading = false
        var hasEnded = false
        var failure: UsageError?
        /// Tasks that are to run, of those read so far.
        var planned = 0
        var resumed = ResumePlan.Counts()

        var available: Int { steps.count - position }

        mutating func take() -> Step? {
            guard position < steps.count else { return nil }
            position += 1
            let step = steps[position - 1]
            if position == steps.count {
                steps.removeAll(keepingCapacity: position <= TaskFeed.batchLimit)
                position = 0
            }
            return step
        }
    }

    private let source: Mutex<any TaskSource>
    private let neverWaits: Bool
    private let state: Mutex<State>
    private let readsAhead: Bool
    private let atEnd: Mutex<(@Sendable () -> Void)?> = Mutex(nil)
    private let wake: Mutex<(@Sendable () -> Void)?> = Mutex(nil)

    init(_ source: sending any TaskSource, readsAhead: Bool) {
        state = Mutex(State())
        neverWaits = source.neverWaits
        self.source = Mutex(source)
        self.readsAhead = readsAhead
    }

    /// `body` is called once, when all has been read: now, or by the thread that reads.
    func onEnd(_ body: @escaping @Sendable () -> Void) {
        atEnd.withLock { $0 = body }
        if state.withLock({ $0.hasEnded }) { atEnd.withLock { $0.take() }?() }
    }

    /// `wake` is called after every batch, also the last.
    func onArrival(_ wake: @escaping @Sendable () -> Void) {
        self.wake.withLock { $0 = wake }
    }

    /// Tasks to run, nil until all inputs have been read.
    var total: Int? { state.withLock { $0.hasEnded && $0.failure == nil ? $0.planned : nil } }

    var resumed: ResumePlan.Counts { state.withLock { $0.resumed } }

    /// What there is now; where there is nothing, `wake` is called as soon as there is.
    func take() throws(UsageError) -> Now {
        let (now, startsReading) = try state.withLock { (state) throws(UsageError) -> (Now, Bool) in
            if let step = state.take() { return (.step(step), false) }
            if state.hasEnded {
                if let failure = state.failure { throw failure }
                return (.end, false)
            }
            defer { state.isReading = true }
            return (.wait, !state.isReading)
        }
        if startsReading { read() }
        return now
    }

    /// Reads ahead before anybody takes.
    func begin() {
        let startsReading = state.withLock { state in
            defer { state.isReading = true }
            return !state.isReading && !state.hasEnded
        }
        if startsReading { read() }
    }

    private func read() {
        if neverWaits {
            while readBatch() {}
            return
        }
        NIOThreadPool.singleton.submit { _ in
            while self.readBatch() {}
        }
    }

    /// Whether to go on at once.
    private func readBatch() -> Bool {
        var steps = [Step]()
        var planned = 0
        var failure: UsageError?
        var hasEnded = false
        let resumed = source.withLock { source in
            do throws(UsageError) {
                repeat {
                    switch try source.next() {
                    case .run(let task)?:
                        steps.append(.task(task))
                        planned += 1
                    case .skip(let sequence)?: steps.append(.skipped(sequence))
                    case nil: hasEnded = true
                    }
                } while !hasEnded && steps.count < Self.batchLimit && source.hasMoreAtHand
            } catch {
                failure = error
                hasEnded = true
            }
            return source.resumed
        }
        let goesOn = state.withLock { state in
            state.steps += steps
            state.planned += planned
            state.resumed = resumed
            state.hasEnded = hasEnded
            state.failure = failure
            let goesOn = !hasEnded && readsAhead && state.available < Self.aheadLimit
            state.isReading = goesOn
            return goesOn
        }
        if hasEnded { atEnd.withLock { $0.take() }?() }
        wake.withLock { $0 }?()
        return goesOn
    }
}
