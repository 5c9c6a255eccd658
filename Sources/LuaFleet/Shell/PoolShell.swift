// The pool's I/O: one event loop that turns bytes and clocks into the core's events and the core's actions into bytes. No policy.
import CFleetSystem
import DequeModule
import Glibc
import Logging
import LuaFleetCore
import LuaFleetWire
import NIOCore
import NIOPosix

/// All of it belongs to the event loop, but for `loop`, `enqueue` and what is said to be thread-safe. What is touched for every task is not checked for exclusive access:
/// one thread uses it, and the checks were a twentieth of its time.
final class PoolShell: @unchecked Sendable {  // touched on its event loop only
    let loop: any EventLoop
    let settings: PoolShellSettings
    /// What the fork server said of its workers.
    var configured = ConfiguredMessage()
    private let inbox = TaskInbox()
    @exclusivity(unchecked) private var submissions: [TaskRecord] = []

    @exclusivity(unchecked) var core: PoolCore
    @exclusivity(unchecked) private var actions: [PoolAction] = []
    @exclusivity(unchecked) private var isPerforming = false
    @exclusivity(unchecked) var records: [TaskRecord?] = []
    @exclusivity(unchecked) var connections: [WorkerConnection?] = []
    var scripts = ScriptRegistry()
    let keeper = SharedKeeper()
    /// Of the next task that is handed in.
    private var nextNumber = 1
    var server: ForkServerProcess?
    var hasLaunched = false
    /// Connections that have something to flush.
    @exclusivity(unchecked) var unflushed: [WorkerConnection] = []
    /// What the core wants to know of workers' pages.
    @exclusivity(unchecked) var looks: Deque<PageLook> = []
    /// The answers that the core is being told of: its `finish` actions take them, in order.
    @exclusivity(unchecked) var answers: WorkerAnswers?
    @exclusivity(unchecked) private var timer: (due: Moment, task: Scheduled<Void>)?
    /// Called once, when workers can be had or when it is known that none can.
    private var onOpen: ((SetupFailure?) -> Void)?
    private var onClose: [() -> Void] = []
    let events = PoolEventHub()
    /// What the core says a worker should be given at a time; for streams on other threads.
    let share = ShareHint()

    init(loop: any EventLoop, settings: PoolShellSettings, core: PoolCore) {
        self.loop = loop
        self.settings = settings
        self.core = core
        share.workers = core.configuration.maximumWorkers
    }

    var now: Moment { Moment(nanoseconds: lfs_now()) }

    // MARK: What the library asks

    /// Hands tasks to the pool. Thread-safe; the waiter hears of them on the event loop.
    func enqueue(_ record: TaskRecord) {
        if inbox.add(record) { loop.execute { self.takeSubmissions() } }
    }

    /// On the event loop: what was handed in before this moment is submitted.
    func takeSubmissions() {
        inbox.take(into: &submissions)
        let now = now
        for submission in submissions { submit(submission, at: now) }
        submissions.removeAll(keepingCapacity: true)
        perform()
    }

    private func submit(_ record: TaskRecord, at now: Moment) {
        let count = record.open
        let id = core.tasksSubmitted(count, record.request.policy, at: now)
        while records.count <= Int(id.index) { records.append(nil) }
        records[Int(id.index)] = record
        record.number = nextNumber
        events.post(.tasksQueued(nextNumber...nextNumber + Int(count) - 1, script: record.request.script.name))
        nextNumber += Int(count)
        record.waiter.tasksSubmitted(as: id, first: record.first)
    }

    func open(_ onOpen: @escaping (SetupFailure?) -> Void) {
        self.onOpen = onOpen
        core.poolOpened(at: now)
        perform()
    }

    func cancel(_ batches: some Sequence<BatchID>) {
        for id in batches { core.batchCancelled(id, at: now) }
        perform()
    }

    func close(_ way: PoolEnd, _ onClose: @escaping () -> Void) {
        takeSubmissions()  // those that came before the end still count
        guard !core.isClosed else { return onClose() }
        self.onClose.append(onClose)
        switch way {
        case .draining: core.closeRequested(at: now)
        case .cancellingQueue:
            core.queueCancelled(at: now)
            core.closeRequested(at: now)
        case .terminating: core.terminateRequested(at: now)
        }
        perform()
    }

    func resize(minimum: Int, maximum: Int) {
        core.resized(minimum: minimum, maximum: maximum, at: now)
        share.workers = core.configuration.maximumWorkers
        perform()
    }

    /// The processes of the workers that are ready, by slot.
    var workerPids: [Int32] {
        connections.compactMap { $0.flatMap { $0.pid == 0 ? nil : $0.pid } }
    }

    // MARK: Actions

    /// Does what the core wants done. Called after every event.
    func perform() {
        guard !isPerforming else { return }  // the outer call goes on with what was added
        while true {
            isPerforming = true
            repeat {
                core.takeActions(into: &actions, at: now)
                for action in actions { perform(action) }
            } while !actions.isEmpty
            isPerforming = false
            // Outside: what is found there are events with actions of their own.
            guard let look = looks.popFirst() else { break }
            perform(look)
        }
        for connection in unflushed { connection.flush() }
        unflushed.removeAll(keepingCapacity: true)
        let standing = core.standing()
        share.tasks = standing.usualShare
        if let next = standing.nextMoment { setTimer(next) }
        if let onOpen, let failure = core.broken {
            self.onOpen = nil
            onOpen(failure)
        }
    }

    private func perform(_ action: PoolAction) {
        switch action {
        case .launchServer:
            server = ForkServerProcess.launch(
                settings.program, asksForWorker: !hasLaunched, on: loop, delegate: self)
            hasLaunched = true
        case .stopServer: server?.stop()
        case .startWorker(let id): startWorker(id)
        case .killWorker(let id):
            server?.send(.frame(FrameHeader(kind: .killWorker, worker: id.slot, task: id.generation)))
        case .interruptWorker(let id, let sequence, let reason):
            connections[Int(id.slot)]?.page.askForInterrupt(of: sequence, reason)
            server?.send(.frame(FrameHeader(kind: .interruptWorker, worker: id.slot, task: id.generation)))
        case .dropWorker(let id, let end):
            if let connection = connections[Int(id.slot)] {
                events.post(.workerEnded(worker: Int(id.slot) + 1, pid: connection.pid, LuaWorkerEnd(end)))
                connection.shared?.ended(died: true)
                connection.drop()
            }
            connections[Int(id.slot)] = nil
        case .initialize(let id, let sequence, let epoch):
            prepare(id, settings.initializer, sequence: sequence, epoch: epoch)
        case .finalize(let id, let sequence, let epoch):
            prepare(id, settings.finalizer, sequence: sequence, epoch: epoch)
        case .send(let tasks, let worker, let sequence, let attempt, let epoch):
            send(tasks, to: worker, sequence: sequence, attempt: attempt, epoch: epoch)
        case .recall(let id, let epoch): recall(id, epoch: epoch)
        case .inspect(let id): looks.append(PageLook(worker: id))
        case .measure(let id): measure(id)
        case .repeated(let tasks, let end, let worker): repeated(tasks, end, worker: worker)
        case .finish(let tasks, let end, let worker): finish(tasks, end, worker: worker)
        case .opened:
            let onOpen = onOpen
            self.onOpen = nil
            onOpen?(nil)
        case .closed:
            timer?.task.cancel()
            timer = nil
            keeper.end()
            events.finish()
            let waiting = onClose
            onClose = []
            for closed in waiting { closed() }
        }
    }

    private func setTimer(_ next: Moment) {
        if let timer, timer.due <= next { return }
        timer?.task.cancel()
        let now = now
        let delay = next.nanoseconds > now.nanoseconds ? next.nanoseconds - now.nanoseconds : 0
        let task = loop.assumeIsolated().scheduleTask(in: .nanoseconds(Int64(clamping: delay))) {
            self.timer = nil
            self.core.timePassed(at: self.now)
            self.perform()
        }
        timer = (next, task)
    }
}

/// What the shell needs to know of a pool.
struct PoolShellSettings: Sendable {
    var program: WorkerProgram
    /// Of one frame.
    var resultLimit: UInt32
    /// What results of sandboxed workers have to keep to; nil: what decoding them checks is enough.
    var resultForm: ValueLimits?
    /// Bytes of output that a task may send; 0: any number.
    var outputLimit: Int = 0
    var logger: Logger
    var initializer: TaskRequest?
    var finalizer: TaskRequest?
}

/// How a pool comes to its end.
enum PoolEnd {
    /// Everything that was submitted ends as it would.
    case draining
    /// What runs ends as it would, what waits is cancelled.
    case cancellingQueue
    case terminating
}
