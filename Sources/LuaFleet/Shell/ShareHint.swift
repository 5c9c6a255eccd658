// What the event loop writes and streams of tasks read: how many workers there may be, and how many tasks one is given at a time just now.
import Synchronization

final class ShareHint: Sendable {
    private let taskCount = Atomic<Int>(1)
    private let workerCount = Atomic<Int>(1)

    var tasks: Int {
        get { taskCount.load(ordering: .relaxed) }
        set { taskCount.store(newValue, ordering: .relaxed) }
    }

    var workers: Int {
        get { workerCount.load(ordering: .relaxed) }
        set { workerCount.store(newValue, ordering: .relaxed) }
    }
}
