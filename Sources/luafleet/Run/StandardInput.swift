// Whether somebody pipes inputs into a run that names none: `seq 1000 | luafleet run t.lua --call f`.
import Glibc

/// True if standard input is a pipe and something comes out of it soon. Never for a terminal, a file or /dev/null, and a pipe that
/// nobody ever writes to (an editor's, a test runner's) costs a moment but not the run.
func standardInputHasInputs() -> Bool {
    // Shorter: a busy machine is taken for an idle pipe; longer: a run that was started with an idle pipe waits for it.
    let patienceMilliseconds: Int32 = 100
    var status = stat()
    guard fstat(STDIN_FILENO, &status) == 0, status.st_mode & S_IFMT == S_IFIFO else { return false }
    var readiness = pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0)
    while true {
        let count = poll(&readiness, 1, patienceMilliseconds)
        if count < 0, errno == EINTR { continue }
        return count > 0 && readiness.revents & Int16(POLLIN) != 0
    }
}
