// One run from its first task to its last: takes the reports of the pool and does with each what was asked for.
import Glibc
import LuaFleet
import Synchronization

/// Driven by one task; `interrupt` and `describeRunning` may come from any thread.
final class RunSession: Sendable {
    /// What the watching side reads while the run goes on.
    struct Progress: Sendable {
        var succeeded = 0
        var failed = 0
        /// How often somebody asked for the end.
        var interrupts = 0
    }

    let request: RunRequest
    let gate: TaskGate
    let feed: TaskFeed
    let screen: Screen
    let arguments: TaskArguments
    let start = ContinuousClock.now
    /// What the pool has ahead of need does not begin any more.
    private let dropQueued = Mutex<(@Sendable () -> Void)?>(nil)
    /// Calls back with the process of every task that runs, by the pool's numbers, on any thread.
    private let askPids = Mutex<(@Sendable (@escaping @Sendable ([Int: Int32]) -> Void) -> Void)?>(nil)
    private let progressState = Mutex(Progress())

    init(_ request: RunRequest, gate: TaskGate, feed: TaskFeed, screen: Screen, arguments: TaskArguments) {
        self.request = request
        self.gate = gate
        self.feed = feed
        self.screen = screen
        self.arguments = arguments
    }

    var interrupts: Int { progressState.withLock { $0.interrupts } }

    var progress: RunProgress {
        let state = progressState.withLock { $0 }
        return RunProgress(
            total: feed.total, succeeded: state.succeeded, failed: state.failed, running: gate.runningCount,
            elapsedSeconds: (ContinuousClock.now - start).inSeconds)
    }

    func onDrain(_ dropQueued: @escaping @Sendable () -> Void) {
        self.dropQueued.withLock { $0 = dropQueued }
        if interrupts > 0 { dropQueued() }
    }

    func onAskPids(_ ask: @escaping @Sendable (@escaping @Sendable ([Int: Int32]) -> Void) -> Void) {
        askPids.withLock { $0 = ask }
    }

    func taskEnded(failed isFailure: Bool) {
        progressState.withLock { state in
            if isFailure { state.failed += 1 } else { state.succeeded += 1 }
        }
    }

    /// One that was counted as a success.
    func taskTurnedOutFailed() {
        progressState.withLock { state in
            state.succeeded -= 1
            state.failed += 1
        }
    }

    // MARK: Signals

    func received(_ signal: Int32) {
        switch signal {
        case SIGUSR1: describeRunning()
        case SIGWINCH: showProgress()
        default: interrupt()
        }
    }

    /// Once: nothing starts any more, what runs may finish. Twice: everything ends now, the workers with us.
    private func interrupt() {
        let count = progressState.withLock { state in
            state.interrupts += 1
            return state.interrupts
        }
        let running = gate.runningCount
        guard count == 1 else {
            if !screen.isQuiet { screen.sayNow(["killed \(running) running \(running == 1 ? "task" : "tasks")"]) }
            _exit(ExitStatus.interrupted)
        }
        gate.drain()
        dropQueued.withLock { $0 }?()
        if running > 0, !screen.isQuiet {
            let (tasks, them) = running == 1 ? ("task", "it") : ("tasks", "them")
            screen.sayNow(["interrupted: waiting for \(running) running \(tasks); a second time kills \(them)"])
        }
    }

    /// SIGUSR1.
    private func describeRunning() {
        let now = ContinuousClock.now
        let pids = pidsOfRunning()
        let running = gate.running
        var lines = ["\(running.count) running, \(progress.done) done"]
        for (index, task) in running {
            let label = TaskReport.label(
                index: task.task.sequence, script: task.task.script.name, input: task.task.input)
            let tries = task.attempts > 1 ? ", try \(task.attempts)" : ""
            let pid = pids[index].map { ", pid \($0)" } ?? ""
            lines.append(
                "place \(task.slot): \(label) for \(decimals((now - (task.start ?? now)).inSeconds)) s\(tries)\(pid)")
        }
        screen.sayNow(lines)
    }

    /// The workers' processes, by the pool's numbers of their tasks. None where the pool has no time: it may wait for whoever reads the output.
    private func pidsOfRunning() -> [Int: Int32] {
        guard let askPids = askPids.withLock({ $0 }) else { return [:] }
        final class Answer: Sendable {
            let pids = Mutex<[Int: Int32]?>(nil)
        }
        let answer = Answer()
        askPids { pids in answer.pids.withLock { $0 = pids } }
        for _ in 0..<200 {
            if let pids = answer.pids.withLock({ $0 }) { return pids }
            usleep(1000)  // the thread that takes signals, which has nothing else to do
        }
        return [:]
    }

    // MARK: Watching

    var showsProgress: Bool {
        screen.canShowLine && !screen.isQuiet && (request.watching.showsBar || request.watching.showsEstimate)
    }

    func showProgress() {
        guard showsProgress else { return }
        // The last column stays free: some terminals wrap as soon as it is written.
        let line = progress.line(width: screen.width - 1, showsBar: request.watching.showsBar, style: screen.style)
        screen.show(line: line)
    }

    /// Says how much of the joblog is used; when all inputs have been read.
    func sayResumed() {
        guard request.keeping.resume != .nothing, feed.total != nil, let name = request.keeping.jobLog else { return }
        screen.say("\(name): \(feed.resumed.summary)")
    }
}
