// Ctrl-C.
import Glibc

/// From here on SIGINT ends the program at once, with status 130; the workers end with it, as they do whatever ends it.
func exitOnInterrupt() {
    signal(SIGINT) { _ in _exit(ExitStatus.interrupted) }
}
