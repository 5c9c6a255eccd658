// What happens to every task that has ended: tried again, held for its turn, printed, kept, counted.
import Glibc
import LuaFleet

/// How a run ended.
struct RunEnd {
    var failures: FailureSummary
    var statistics: RunStatistics
    /// --halt success: that was what was wanted.
    var isSuccess = false
}

/// The consumer's side of a run.
struct ReportHandler: ~Copyable {
    private let session: RunSession
    private let retry: RetryPolicy
    private let tag: Template?
    /// With --line-buffer and --ungroup.
    private let live: LivePrinter?
    private let columnNames: [Bytes]
    private var jobLog: JobLog?
    private var results: ResultsStore?
    private var ordered = OrderedTasks<TaskReport>()
    private var halts = HaltCount()
    private(set) var end = RunEnd(failures: FailureSummary(), statistics: RunStatistics())

    init(_ session: RunSession, columnNames: [Bytes], jobLog: consuming JobLog?, results: consuming ResultsStore?) {
        self.session = session
        self.columnNames = columnNames
        self.jobLog = jobLog
        self.results = results
        retry = RetryPolicy(tries: session.request.control.tries)
        let (output, screen) = (session.request.output, session.screen)
        // A JSON line and a kept result have the task's output whole.
        let isWhole = output.buffering == .task || session.request.printsJSON || output.results != nil
        live = isWhole ? nil : LivePrinter(output.buffering, keepsOrder: session.request.keepsOrder, screen: screen)
        tag = session.request.output.tag.map { Template($0, columnNames: columnNames) }
    }

    /// Prints what tasks write as it comes, where that was asked for.
    var liveOutput: (@Sendable (LuaTaskOutput) -> Void)? {
        guard let live else { return nil }
        let (session, tag) = (session, tag)
        return { output in
            guard let running = session.gate.task(output.index) else { return }
            let task = running.task
            live.wrote(
                output.bytes, to: .init(task: task.sequence, isError: output.isError),
                tag: tag.map { Self.fill($0, task.input, task.script.name, task.sequence, running.slot) })
        }
    }

    private static func fill(
        _ tag: Template, _ input: [InputValue], _ script: String, _ sequence: Int, _ slot: Int
    ) -> Bytes {
        // Without inputs `{}` is the script.
        tag.filled(input.isEmpty ? [InputValue.text(Bytes(script.utf8))] : input, index: sequence, slot: slot)
    }

    /// False: the run is over, whatever still runs.
    mutating func add(_ report: LuaTaskReport) throws(UsageError) -> Bool {
        guard let running = session.gate.task(report.index) else { return true }
        let task = TaskReport(report, running)
        if case .failure(let failure) = task.outcome, failure.kind == .cancelled, session.gate.isDraining {
            // It had not begun when the run was stopped.
            session.gate.ended(report.index)
            return true
        }
        if case .failure(let failure) = task.outcome, !session.gate.isDraining,
            retry.retries(after: failure.kind, attempts: task.attempts)
        {
            session.gate.ended(report.index, retry: task)
            return true
        }
        let goesOn = count(task)
        session.gate.ended(report.index)
        return try pass(task) && goesOn
    }

    /// Whether the run goes on.
    private mutating func count(_ task: TaskReport) -> Bool {
        session.taskEnded(failed: task.isFailure)
        halts.taskEnded(failed: task.isFailure)
        if case .failure(let failure) = task.outcome {
            end.failures.taskEnded(failure.kind)
        } else {
            end.failures.taskEnded(nil)
        }
        if session.request.watching.showsStatistics {
            end.statistics.taskEnded(
                seconds: task.seconds, worker: task.worker, pid: task.pid, failed: task.isFailure, label: { task.label }
            )
        }
        guard let policy = session.request.control.halt, halts.hasReached(policy, total: session.feed.total) else {
            return true
        }
        end.isSuccess = policy.why == .success
        session.gate.drain()
        return policy.when == .soon
    }

    private mutating func pass(_ task: TaskReport) throws(UsageError) -> Bool {
        guard session.request.keepsOrder else { return try emit(task) }
        for sequence in session.gate.takeSkipped() {
            live?.passed(sequence)
            for ready in ordered.skipped(sequence) { guard try emit(ready) else { return false } }
        }
        for ready in ordered.ended(task, task.index) { guard try emit(ready) else { return false } }
        session.gate.outputHeld(ordered.count)
        return true
    }

    /// Prints, then keeps: a kill in between runs a task twice; the other way round its output would be lost.
    private mutating func emit(_ task: TaskReport) throws(UsageError) -> Bool {
        var task = task
        let wasFailure = task.isFailure
        let request = session.request
        var line = JobLogLine(task, command: session.command(of: task))
        if let live { line.bytes = live.told(.init(task: task.index, isError: false)) + task.standardOutput.count }
        var isRead = true
        if results != nil {
            try results?.add(&task, line, columnNames: columnNames)
            if let text = task.failureText(style: session.screen.style), !request.output.isQuiet {
                session.screen.write(output: [], errors: text)
            }
        } else {
            let tag = tag(of: task)
            var rest = task
            if let live {
                isRead = live.ended(.init(task: task.index, isError: false), output: task.standardOutput, tag: tag)
                _ = live.ended(.init(task: task.index, isError: true), output: task.standardError, tag: tag)
                live.passed(task.index)
                (rest.standardOutput, rest.standardError) = ([], [])
            }
            let (output, errors) = rest.printed(
                asJSON: request.printsJSON, tag: tag, style: session.screen.style, isQuiet: request.output.isQuiet)
            task.outcome = rest.outcome
            isRead = session.screen.write(output: output, errors: errors) && isRead
        }
        if let failure = session.screen.outputFailure { throw failure }
        // What nobody has read has to run again.
        guard isRead else { return false }
        if !wasFailure, case .failure(let failure) = task.outcome {
            end.failures.taskTurnedOut(failure.kind)
            session.taskTurnedOutFailed()
        }
        if task.key != nil {
            let bytes = line.bytes
            line = JobLogLine(task, command: line.command)  // it may have turned out a failure
            line.bytes = bytes
            try jobLog?.add(line)
        }
        return true
    }

    private func tag(of task: TaskReport) -> Bytes? {
        tag.map { Self.fill($0, task.input, task.script, task.index, task.slot) }
    }

    /// After the last report: what was still waiting for something.
    mutating func finish() throws(UsageError) {
        for task in session.gate.takeLeftRetries() {
            _ = count(task)
            _ = try pass(task)
        }
        for task in ordered.rest() { guard try emit(task) else { return } }
    }
}

extension TaskReport {
    init(_ report: LuaTaskReport, _ running: TaskGate.Running) {
        self.init(report, input: running.task.input)
        index = running.task.sequence
        attempts = running.attempts - 1 + max(1, report.attempts)
        slot = running.slot
        key = running.task.key
        isRerun = running.task.isRerun
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        endTime = Double(now.tv_sec) + Double(now.tv_nsec) / 1e9
    }
}

extension RunSession {
    func command(of task: TaskReport) -> String {
        guard request.keeping.jobLog != nil || request.output.results != nil else { return "" }
        let planned = PlannedTask(sequence: task.index, script: .file(task.script), input: task.input)
        return String(decoding: arguments.command(planned, slot: task.slot), as: UTF8.self)
    }
}

extension JobLogLine {
    init(_ task: TaskReport, command: String) {
        self.init(
            sequence: task.index, start: task.endTime - task.seconds, seconds: task.seconds,
            bytes: task.standardOutput.count, status: 0, signal: 0, command: command, attempts: task.attempts,
            worker: task.worker, reason: "ok", isRerun: task.isRerun, key: task.key ?? ContentKey(high: 0, low: 0))
        guard case .failure(let failure) = task.outcome else { return }
        reason = failure.kind.rawValue
        switch failure.kind {
        case .script, .notEncodable: status = 1
        case .workerDied:
            // A script that exits with 0 has not succeeded: it never returned. GNU parallel has 0 where there is a signal.
            (status, signal) = (failure.status ?? 0, failure.signal ?? 0)
            if status == 0, signal == 0 { status = -1 }
        case .timeout: (status, signal) = (-1, Int(SIGKILL))
        default: status = -1
        }
    }
}
