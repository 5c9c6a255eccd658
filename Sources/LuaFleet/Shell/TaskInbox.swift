// Where tasks wait for the pool's event loop: filled by any thread, emptied by the loop in one go.
import Synchronization

/// So that a hundred callers at once cost the loop one wake-up, and the workers get their tasks in one write each.
final class TaskInbox: Sendable {
    private let records = Mutex<[TaskRecord]>([])

    /// True: it was empty, and the loop has to be told.
    func add(_ record: TaskRecord) -> Bool {
        records.withLock {
            $0.append(record)
            return $0.count == 1
        }
    }

    /// Everything, oldest first. `buffer` is emptied and used for the next ones.
    func take(into buffer: inout [TaskRecord]) {
        buffer.removeAll(keepingCapacity: true)
        records.withLock { swap(&$0, &buffer) }
    }
}
