// Between the event loop and somebody who reads what tasks write as it comes, and may be slow.
import Synchronization

/// Calls the reader on a thread of its own, in order. A reader that stops holds up its own tasks, once so much waits for it, and nobody else. Thread-safe.
final class OutputRelay: Sendable {
    /// Bytes that wait for the reader until its workers are not listened to. Smaller: a worker waits for a reader that is only a moment behind; larger: more memory for one that has
    /// stopped.
    static let capacity = 4 << 20
    /// Bytes that a task writes before its worker is ever held up: so a task that writes a line beside one that writes without end comes to its end, and its worker has time for others.
    /// Smaller: more workers that do nothing; larger: more memory, for so many tasks at once.
    static let allowance = 64 << 10

    private struct State {
        var waiting = 0
        var whenRoom: [@Sendable () -> Void] = []
    }

    private let thread = CallbackThread()
    private let reader: @Sendable (LuaTaskOutput) -> Void
    private let state = Mutex(State())

    init(_ reader: @escaping @Sendable (LuaTaskOutput) -> Void) {
        self.reader = reader
    }

    func wrote(_ output: LuaTaskOutput) {
        let count = output.bytes.count
        state.withLock { $0.waiting += count }
        thread.run { [self] in
            reader(output)
            let whenRoom = state.withLock { state in
                state.waiting -= count
                guard state.waiting <= Self.capacity / 2 else { return [] as [@Sendable () -> Void] }
                defer { state.whenRoom = [] }
                return state.whenRoom
            }
            for body in whenRoom { body() }
        }
    }

    /// Calls `body` when the reader has had all that was written before.
    func afterwards(_ body: @escaping @Sendable () -> Void) {
        thread.run(body)
    }

    /// True: too much waits for the reader, and `body` is called when it does not any more.
    func isFull(_ body: @escaping @Sendable () -> Void) -> Bool {
        state.withLock { state in
            guard state.waiting > Self.capacity else { return false }
            state.whenRoom.append(body)
            return true
        }
    }
}
