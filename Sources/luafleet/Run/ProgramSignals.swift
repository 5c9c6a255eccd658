// Signals of a run: taken by the main thread, one at a time, so that what they do may do anything.
import Glibc
import Synchronization

/// Ctrl-C, the end of the terminal, SIGTERM, SIGUSR1 and the size of the window.
enum ProgramSignals {
    private static let handler = Mutex<(@Sendable (Int32) -> Void)?>(nil)

    /// From here on these signals wait for `serve`. Before any thread starts, for threads inherit it; workers do not.
    /// One that is ignored (nohup, a background job of a script) stays ignored.
    static func block() {
        var set = wanted
        pthread_sigmask(SIG_BLOCK, &set, nil)
    }

    private static var wanted: sigset_t {
        var set = sigset_t()
        sigemptyset(&set)
        for number in [SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGWINCH] {
            var action = sigaction()
            sigaction(number, nil, &action)
            let isIgnored = unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self) == 1  // SIG_IGN
            if !isIgnored { sigaddset(&set, number) }
        }
        return set
    }

    /// The main thread's last call.
    static func serve() -> Never {
        var set = wanted
        while true {
            var number: Int32 = 0
            guard sigwait(&set, &number) == 0 else { continue }
            if let handler = handler.withLock({ $0 }) {
                handler(number)
            } else if number != SIGUSR1, number != SIGWINCH {
                // Nothing runs yet.
                _exit(ExitStatus.interrupted)
            }
        }
    }

    static func handle(_ handler: (@Sendable (Int32) -> Void)?) {
        self.handler.withLock { $0 = handler }
    }
}
