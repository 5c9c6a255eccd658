// A number that the event loop writes and streams of tasks read: how many tasks a worker is given at a time just now.
import Synchronization

final class ShareHint: Sendable {
    private let value = Atomic<Int>(1)

    var tasks: Int {
        get { value.load(ordering: .relaxed) }
        set { value.store(newValue, ordering: .relaxed) }
    }
}
