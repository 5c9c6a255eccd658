// Runs the tasks of a frame in this process's Lua state and writes what they say to the journal.
import CFleetSystem
import Glibc
import LuaFleetWire
import LuaVM

/// A class so that C callbacks can find it by its address; it lives as long as its process.
final class TaskRunner {
    let journal: Journal
    private let files: CaptureFiles
    private let slot: UInt32
    let requests: SharedRequests
    private(set) var vm: OpaquePointer
    /// This process: the worker, or a task's own.
    private(set) var pid: Int32 = 0
    var budget: TaskBudget
    /// The task that runs now; 0: none. Behind a pointer: it is written for every task, and a stored property would be checked for exclusive access each time.
    private let running = UnsafeMutablePointer<UInt32>.allocate(capacity: 1)
    /// Scripts that were defined and not compiled yet: that is the business of the first task, which answers for it if the process dies of it.
    var uncompiled: [ScriptDefinition] = []
    /// What was wrong with a script, by its id: the answer to every task of it.
    private var loadFailures: [UInt32: (status: WireFailure, message: [UInt8])] = [:]
    /// Whether somebody hears what the tasks write as it comes.
    private var sendsOutput = false
    /// Since when answers may have been waiting in the journal.
    var waitsSince: UInt64 = 0
    /// The clock's last reading after a task; 0: something other than tasks has been done since. A look costs as much as a small task.
    var lastLook: UInt64 = 0

    init(
        vm: OpaquePointer, journal: Journal, files: CaptureFiles, settings: WorkerSettings, requests: SharedRequests
    ) {
        self.requests = requests
        self.vm = vm
        self.budget = TaskBudget(settings)
        self.slot = journal.slot
        self.journal = journal
        self.files = files
        running.initialize(to: 0)
        adopt(vm)
    }

    /// Makes `vm` the state that tasks run in; the former one is the caller's.
    func adopt(_ vm: OpaquePointer) {
        self.vm = vm
        pid = getpid()
        var callbacks = lfvm_callbacks()
        callbacks.context = Unmanaged.passUnretained(self).toOpaque()
        callbacks.output = { context, stream, bytes, count in
            TaskRunner.from(context).wrote(
                UnsafeRawBufferPointer(start: bytes, count: count),
                to: stream == LFVM_OUTPUT_STDERR ? .standardError : .standardOutput)
        }
        callbacks.exiting = { context, code in TaskRunner.from(context).exiting(code) }
        callbacks.message = { context, kind, bytes, count in
            let runner = TaskRunner.from(context)
            runner.append(
                .message, flags: UInt8(truncatingIfNeeded: kind), UnsafeRawBufferPointer(start: bytes, count: count))
            // Now: whoever watches wants to hear of progress while there is some.
            runner.journal.flush()
        }
        callbacks.request = { context, request, reply in
            let runner = TaskRunner.from(context)
            runner.requests.ask(request.pointee, sequence: runner.running.pointee, reply: reply)
        }
        callbacks.sequence = UnsafePointer(running)
        lfvm_set_callbacks(vm, &callbacks)
        lfvm_set_running_task(vm, running)
        lfvm_set_worker(vm, slot + 1, pid)
        var seed: (UInt64, UInt64) = (0, 0)
        lfs_random(&seed, 16)
        withUnsafeBytes(of: &seed) { lfvm_reseed(vm, $0.bindMemory(to: UInt64.self).baseAddress!) }  // never nil
    }

    private static func from(_ context: UnsafeMutableRawPointer?) -> TaskRunner {
        Unmanaged<TaskRunner>.fromOpaque(context!).takeUnretainedValue()  // set by `adopt`, never null
    }

    // MARK: Scripts

    func define(_ definition: ScriptDefinition) {
        uncompiled.append(definition)
    }

    /// Compiles a script that was defined, once. The task that wants it has begun.
    func compile(_ id: UInt32) {
        guard let place = uncompiled.firstIndex(where: { $0.id == id }) else { return }
        let definition = uncompiled.remove(at: place)
        var failure = lfvm_message()
        let status = definition.source.withUnsafeBufferPointer { source in
            // An empty source: a pointer that nobody follows.
            let start = source.baseAddress ?? UnsafePointer(bitPattern: 1)!  // 1 is not null
            if definition.form == .function {
                return lfvm_define_function(vm, definition.id, start, source.count, &failure)
            }
            return (definition.chunkName + [0]).withUnsafeBufferPointer { name in
                name.withMemoryRebound(to: CChar.self) { name in
                    lfvm_define(
                        vm, definition.id, name.baseAddress!,  // ends with a zero byte: never empty
                        start, source.count, definition.form == .textOrBytecode, &failure)
                }
            }
        }
        loadFailures[definition.id] =
            status == LFVM_OK
            ? nil
            : (WireFailure(rawValue: UInt8(truncatingIfNeeded: status.rawValue)) ?? .loadError, bytes(of: failure))
    }

    private func bytes(of message: lfvm_message) -> [UInt8] {
        var bytes = [UInt8]()
        for piece in UnsafeBufferPointer(start: message.pieces, count: message.piece_count) {
            bytes.append(contentsOf: UnsafeRawBufferPointer(start: piece.bytes, count: piece.count))
        }
        return bytes
    }

    func forget(_ id: UInt32) {
        uncompiled.removeAll { $0.id == id }
        loadFailures[id] = nil
        lfvm_forget(vm, id)
    }

    // MARK: Tasks

    /// Runs the tasks that have not been recalled and commits their answers to the journal; the caller flushes. `hasBegun`: the caller has begun the only one.
    func run(_ tasks: IncomingTasks, hasBegun: Bool = false) {
        sendsOutput = tasks.head.sendsOutput
        guard budget.isMeasured else { return runTogether(tasks, hasBegun) }
        var rest = tasks
        while let task = rest.popFirst(), journal.page.control.epoch == task.head.epoch {
            budget.begin()
            runTogether(task, hasBegun)
            budget.end()
        }
    }

    private func runTogether(_ tasks: IncomingTasks, _ hasBegun: Bool) {
        var batch = TaskBatch(tasks, runner: self, running: running, hasBegun: hasBegun)
        if lfvm_reach_of(vm) & LFVM_WROTE_PAST.rawValue != 0 { assumeWrittenPast() }
        batch.dropsLeftOvers = isWrittenPast
        if uncompiled.contains(where: { $0.id == tasks.head.script }) {
            guard batch.beginAhead() else { return running.pointee = 0 }
            compile(tasks.head.script)
        }
        if let failure = loadFailures[tasks.head.script] {
            failure.message.withUnsafeBufferPointer { bytes in
                withUnsafePointer(to: lfvm_piece(bytes: bytes.baseAddress, count: bytes.count)) { piece in
                    var message = lfvm_message(pieces: piece, piece_count: 1, total: bytes.count, has_handles: false)
                    for offset in 0..<tasks.head.count {
                        guard batch.begin(offset) else { return }
                        batch.answer(offset, UInt32(failure.status.rawValue), &message)
                    }
                }
            }
        } else {
            withUnsafeMutablePointer(to: &batch) { context in
                var callbacks = lfvm_batch_callbacks(
                    context: context,
                    begin: { context, offset in
                        context!.assumingMemoryBound(to: TaskBatch.self).pointee.begin(offset)  // given one line above
                    },
                    answer: { context, offset, status, message in
                        context!.assumingMemoryBound(to: TaskBatch.self)  // likewise
                            .pointee.answer(offset, status.rawValue, message)
                    })
                _ = tasks.withBatch { lfvm_run_batch(vm, &$0, &callbacks) }
            }
        }
        journal.closeOpenFrame()
        running.pointee = 0
    }

    /// Sends what has waited long enough.
    func flushIfDue(at now: UInt64) {
        guard now - min(waitsSince, now) >= TaskBatch.patience else { return }
        journal.flush()
        waitsSince = now
    }

    /// In the page, for a task's own process tells its worker.
    private var isWrittenPast: Bool { journal.page.header.pointee.isWrittenPast.load(ordering: .relaxed) }

    func assumeWrittenPast() {
        if !isWrittenPast { journal.page.header.pointee.isWrittenPast.store(true, ordering: .relaxed) }
    }

    // MARK: What a task says while it runs

    private func wrote(_ bytes: UnsafeRawBufferPointer, to stream: OutputStream) {
        // What a child process wrote before comes first.
        if isWrittenPast || lfvm_reach_of(vm) & LFVM_WROTE_PAST.rawValue != 0 { takeCaptured(stream) }
        appendOutput(bytes, to: stream)
        if sendsOutput { journal.flush() }
    }

    /// After a task: files that scripts have left open lose nothing when the process ends, and what was written past our streams is this task's.
    func settle(_ reach: UInt32) {
        if reach & LFVM_OPENED_FILES.rawValue != 0 { fflush(nil) }
        guard reach & LFVM_WROTE_PAST.rawValue != 0 else { return }
        takeCaptured(.standardOutput)
        takeCaptured(.standardError)
    }

    /// Hands on what stands in a capture file since the last time.
    private func takeCaptured(_ stream: OutputStream) {
        var taken = journal.page.taken(of: stream)
        let size = files.size(of: stream)
        guard size != taken else { return }
        if size < taken { taken = 0 }  // somebody truncated the file: all of it is new
        while taken < size {
            let bytes = files.read(stream, from: taken, limit: min(Int(size - taken), 32 * 1024))
            guard !bytes.isEmpty else { break }
            bytes.withUnsafeBytes { appendOutput($0, to: stream) }
            taken += UInt64(bytes.count)
            journal.page.setTaken(taken, of: stream)
        }
        files.release(stream, upTo: taken)
    }

    /// What a process that an earlier task left behind has written since is nobody's.
    func dropLeftOvers() {
        journal.page.setTaken(files.size(of: .standardOutput), of: .standardOutput)
        journal.page.setTaken(files.size(of: .standardError), of: .standardError)
    }

    /// After a task's process ended without an answer: what it wrote to fd 1 and 2.
    func collectOutput(sequence: UInt32) {
        running.pointee = sequence
        takeCaptured(.standardOutput)
        takeCaptured(.standardError)
        running.pointee = 0
    }

    private func exiting(_ code: Int32) {
        takeCaptured(.standardOutput)
        takeCaptured(.standardError)
        withUnsafeBytes(of: code.littleEndian) { append(.exiting, flags: 0, $0) }
        journal.flush()
    }

    /// Appends output as far as the task's budget goes.
    private func appendOutput(_ bytes: UnsafeRawBufferPointer, to stream: OutputStream) {
        guard budget.settings.output > 0 else { return append(.output, flags: stream.rawValue, bytes) }
        func appendFirst(_ count: Int) {
            guard count > 0 else { return }
            append(.output, flags: stream.rawValue, UnsafeRawBufferPointer(rebasing: bytes[..<count]))
        }
        switch budget.writes(bytes.count) {
        case .passes(let count): appendFirst(count)
        case .isCut(let count):
            appendFirst(count)
            TaskBudget.mark(budget.settings.output).withUnsafeBytes { append(.output, flags: stream.rawValue, $0) }
        case .isOver: failOutput()
        }
    }

    /// The task ends here, in the middle of whatever it does, and its process with it: only that ends every flood.
    private func failOutput() -> Never {
        let text = Array("wrote more than its limit of \(budget.settings.output) bytes".utf8)
        var payload = [UInt8](repeating: 0, count: AnswerHead.size)
        let now = lfs_now()
        let startedAt = journal.page.header.pointee.startedAt.load(ordering: .relaxed)
        payload.withUnsafeMutableBytes {
            AnswerHead(nanoseconds: now - min(startedAt, now), pid: pid).store(to: $0.baseAddress!)  // not empty
        }
        // A message of two items, as the VM writes failures: text of at most 255 bytes, nil.
        payload += [0x82, 0x58, UInt8(text.count)] + text + [0xF6]
        payload.withUnsafeBytes { append(.failure, flags: WireFailure.outputLimit.rawValue, $0) }
        journal.flush(answered: running.pointee)
        _exit(0)
    }

    /// What the task that ends has used, in front of its answer.
    func appendUsage() {
        guard budget.isMeasured else { return }
        let used = lfvm_task_usage(vm)
        let usage = TaskUsage(
            processorNanoseconds: budget.processorTime, memoryPeak: UInt64(used.memory_peak),
            instructions: used.instructions, output: budget.written)
        usage.payload.withUnsafeBytes { append(.usage, flags: 0, $0) }
    }

    /// Appends a frame about the running task, in several where it is long and its kind may be cut.
    private func append(_ kind: FrameKind, flags: UInt8, _ bytes: UnsafeRawBufferPointer) {
        var rest = bytes
        repeat {
            let count = kind == .output ? min(rest.count, WorkerPage.capacity - FrameHeader.size) : rest.count
            let header = FrameHeader(kind: kind, flags: flags, worker: slot, task: running.pointee, length: count)
            if let target = journal.reserve(FrameHeader.size + count) {
                header.store(to: target)
                UnsafeMutableRawBufferPointer(start: target + FrameHeader.size, count: count)
                    .copyMemory(from: UnsafeRawBufferPointer(rebasing: rest[..<count]))
                journal.commit(FrameHeader.size + count)
            } else {
                withUnsafeTemporaryAllocation(byteCount: FrameHeader.size, alignment: 8) { space in
                    header.store(to: space.baseAddress!)  // never nil: it is not empty
                    withUnsafeTemporaryAllocation(of: iovec.self, capacity: 2) { pieces in
                        pieces[0] = iovec(iov_base: space.baseAddress, iov_len: FrameHeader.size)
                        pieces[1] = iovec(
                            iov_base: UnsafeMutableRawPointer(mutating: rest.baseAddress), iov_len: count)
                        journal.writePast(pieces)
                    }
                }
            }
            rest = UnsafeRawBufferPointer(rebasing: rest[count...])
        } while !rest.isEmpty
    }
}

extension lfvm_options {
    /// A state whose `io` library writes to streams of ours. They have to be there before the library takes hold of C's stdout, so this is said when
    /// the state is made; who receives the output is said by `TaskRunner.adopt`, before anything runs.
    static var capturing: lfvm_options {
        var options = lfvm_options()
        options.callbacks.output = { _, _, _, _ in }
        return options
    }
}
