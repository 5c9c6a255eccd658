// The thread on which a pool's callbacks run: made with the first one, so that nobody else pays for it.
import NIOPosix
import Synchronization

/// Runs what it is given, one after the other. Thread-safe.
final class CallbackThread: Sendable {
    private let pool = Mutex<NIOThreadPool?>(nil)

    func run(_ body: @escaping @Sendable () -> Void) {
        let threads = pool.withLock { pool in
            if let pool { return pool }
            let made = NIOThreadPool(numberOfThreads: 1)
            made.start()
            pool = made
            return made
        }
        // Whatever state the thread is in: a callback is owed.
        threads.submit { _ in body() }
    }

    /// Ends the thread when it has nothing to do. Callbacks that come later make a new one.
    deinit {
        pool.withLock { $0 }?.shutdownGracefully { _ in }
    }
}
