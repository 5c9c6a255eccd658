// Tasks on their way to workers, and their ends on the way to whoever waits for them.
import CFleetSystem
import LuaFleetCore
import LuaFleetWire
import NIOCore

extension PoolShell {
    /// Bytes of argument messages in a frame, unless one task has more. Smaller: more frames; larger: workers read longer before they begin.
    private static let usualFrameSize = 32 * 1024

    // MARK: Sending

    func send(_ tasks: TaskRange, to worker: WorkerID, sequence: UInt32, attempt: UInt32, epoch: UInt32) {
        guard let connection = connections[Int(worker.slot)], let record = records[Int(tasks.batch.index)] else {
            return
        }
        if attempt > 1 {
            for task in tasks.lower..<tasks.upper { self.detail(tasks.batch, task) { $0.attempts = attempt } }
        }
        var head = TaskHead(
            script: define(record.request.script, on: connection), isolation: record.request.isolation,
            setsArg: record.request.setsArg, stampsTimes: record.request.policy.wallTime != nil,
            attempt: record.request.firstAttempt &- 1 &+ attempt,
            index: record.request.index &+ UInt64(tasks.lower), epoch: epoch)
        head.sendsOutput = record.waiter.hearsOutput
        switch record.request.arguments {
        case .one(let payload):
            connection.sends(payload.handles, to: sequence, of: record, task: tasks.lower)
            connection.write(payload.frame(FrameHeader(kind: .task, worker: worker.slot, task: sequence), head))
        case .many(let slab):
            for task in tasks.lower..<tasks.upper where !slab.handles.isEmpty {
                connection.sends(
                    slab.handles[task] ?? [], to: sequence &+ (task - tasks.lower), of: record, task: task)
            }
            var lower = tasks.lower
            while lower < tasks.upper {
                let upper = Self.frameEnd(slab, lower, tasks.upper, chunk: record.request.policy.chunk)
                head.count = upper - lower
                head.index = record.request.index + UInt64(lower)
                let header = FrameHeader(kind: .task, worker: worker.slot, task: sequence &+ (lower - tasks.lower))
                write(slab, lower..<upper, record.request.function, header, head, to: connection)
                lower = upper
            }
        }
        unflushed.append(connection)
        record.waiter.tasksStarted(
            record.first + Int(tasks.lower)..<record.first + Int(tasks.upper), worker: Int(worker.slot) + 1,
            attempt: Int(attempt))
        if events.hasListeners {
            for task in tasks.lower..<tasks.upper {
                events.post(
                    .taskStarted(
                        number: record.number + Int(task), worker: Int(worker.slot) + 1, attempt: Int(attempt)))
            }
        }
    }

    private static func frameEnd(_ slab: SlabArguments, _ lower: UInt32, _ upper: UInt32, chunk: UInt32) -> UInt32 {
        if chunk > 0 { return min(lower + chunk, upper) }
        let start = slab.start(of: lower)
        var end = upper
        // Half of what is too long, again and again: exact enough, and quick.
        while end - lower > 1, Int(slab.ends[Int(end) - 1]) - start > usualFrameSize { end = lower + (end - lower) / 2 }
        return end
    }

    private func write(
        _ slab: SlabArguments, _ tasks: Range<UInt32>, _ function: [UInt8], _ header: FrameHeader, _ head: TaskHead,
        to connection: WorkerConnection
    ) {
        let start = slab.start(of: tasks.lowerBound)
        let count = Int(slab.ends[Int(tasks.upperBound) - 1]) - start
        let prefix = FrameHeader.size + TaskHead.size
        connection.write(count: prefix + function.count + count) { space in
            var (header, head) = (header, head)
            header.length = UInt32(clamping: space.count - FrameHeader.size)
            head.functionLength = UInt16(clamping: function.count)
            header.store(to: space.baseAddress!)  // room for two heads: not empty
            head.store(to: space.baseAddress! + FrameHeader.size)
            UnsafeMutableRawBufferPointer(rebasing: space[prefix...]).copyBytes(from: function)
            slab.bytes.withUnsafeReadableBytes { bytes in
                UnsafeMutableRawBufferPointer(rebasing: space[(prefix + function.count)...])
                    .copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[start..<start + count]))
            }
        }
    }

    /// The worker's number of a script, which it is told if it does not know it.
    private func define(_ content: LuaScriptContent, on connection: WorkerConnection) -> UInt32 {
        let (script, evicted) = scripts.id(of: content)
        if let evicted {
            for other in connections.compactMap({ $0 }) where other.knownScripts.contains(evicted) {
                other.knownScripts.removeAll { $0 == evicted }
                other.forgottenScripts.append(evicted)
            }
        }
        if !connection.forgottenScripts.isEmpty {
            for forgotten in connection.forgottenScripts {
                connection.write(.frame(FrameHeader(kind: .forget, worker: connection.id.slot, task: forgotten)))
            }
            connection.forgottenScripts = []
        }
        if !connection.knownScripts.contains(script) {
            connection.knownScripts.append(script)
            let definition = ScriptDefinition(
                id: script, form: content.form, chunkName: content.chunkName, source: content.source)
            connection.write(
                .frame(FrameHeader(kind: .define, worker: connection.id.slot), payload: definition.payload))
        }
        return script
    }

    /// Runs the pool's initializer or finalizer, in the worker's own state.
    func prepare(_ id: WorkerID, _ request: TaskRequest?, sequence: UInt32, epoch: UInt32) {
        guard let connection = connections[Int(id.slot)], let request, case .one(let payload) = request.arguments else {
            return
        }
        connection.preparation = sequence
        connection.sends(payload.handles, to: sequence, of: nil, task: 0)
        let head = TaskHead(
            script: define(request.script, on: connection), isolation: .shared, setsArg: false, attempt: 1, index: 1,
            epoch: epoch)
        connection.write(payload.frame(FrameHeader(kind: .task, worker: id.slot, task: sequence), head))
        unflushed.append(connection)
    }

    // MARK: Ends

    /// What is known of a task before it ends.
    func detail(_ batch: BatchID, _ task: UInt32, _ change: (inout TaskOutcome) -> Void) {
        guard let record = records[Int(batch.index)] else { return }
        change(&record.details[task, default: TaskOutcome(end: .answered)])
    }

    /// They will be started again: what they said is forgotten.
    func repeated(_ tasks: TaskRange, _ end: TaskEnd, worker: WorkerID?) {
        if case .failed = end { _ = answers?.takeMessages(tasks.count) }
        guard let record = records[Int(tasks.batch.index)] else { return }
        for task in tasks.lower..<tasks.upper { record.details[task] = nil }
        record.waiter.tasksQueuedAgain(record.first + Int(tasks.lower)..<record.first + Int(tasks.upper))
    }

    func finish(_ tasks: TaskRange, _ end: TaskEnd, worker: WorkerID?) {
        guard let record = records[Int(tasks.batch.index)] else { return }
        let connection = worker.flatMap { connections[Int($0.slot)] }
        if events.hasListeners {
            for task in tasks.lower..<tasks.upper {
                events.post(
                    .taskEnded(number: record.number + Int(task), failure: end == .answered ? nil : end.word))
            }
        }
        if end == .answered, answers?.message == nil, answers?.references.isEmpty != false,
            tasks.count > 1 || record.request.count > 1,
            record.details.isEmpty || !(tasks.lower..<tasks.upper).contains(where: { record.details[$0] != nil }),
            let duration = answers?.meanDuration, let pid = answers?.pid,
            let messages = answers?.takeMessages(tasks.count)
        {
            record.waiter.tasksReturned(
                ReturnedRun(
                    first: record.first + Int(tasks.lower), count: Int(tasks.count), messages: messages,
                    nanoseconds: duration, attempts: 1, worker: worker.map { Int($0.slot) + 1 } ?? 0, pid: pid))
        } else {
            for task in tasks.lower..<tasks.upper { finish(task, of: record, end, worker, connection) }
        }
        if tasks.count == record.open {
            records[Int(tasks.batch.index)] = nil
            record.waiter.batchEnded(first: record.first)
        } else {
            record.open -= tasks.count
        }
    }

    private func finish(
        _ task: UInt32, of record: TaskRecord, _ end: TaskEnd, _ worker: WorkerID?, _ connection: WorkerConnection?
    ) {
        let known = record.details.isEmpty ? nil : record.details.removeValue(forKey: task)
        var outcome = known ?? TaskOutcome(end: end)
        outcome.end = end
        if let worker {
            outcome.worker = Int(worker.slot) + 1
            outcome.attempts = max(outcome.attempts, 1)
            if outcome.pid == 0 { outcome.pid = connection?.pid ?? 0 }
        }
        switch end {
        case .answered, .failed:
            if answers != nil {
                outcome.nanoseconds = answers!.meanDuration  // looked at above; a name would copy it
                outcome.pid = answers!.pid
                if !answers!.references.isEmpty { outcome.extras.references = answers!.references }
            }
            if let message = answers?.takeMessage() {
                if case .failed(let failure) = end {
                    outcome.answer = .failure(failure, message)
                } else {
                    outcome.answer = .values(message)
                }
            } else {
                outcome.end = .protocolViolation(.malformed(.values))
            }
        default:
            if let connection {
                let startedAt = connection.page.header.pointee.startedAt.load(ordering: .acquiring)
                let now = lfs_now()
                outcome.nanoseconds = startedAt > 0 && now > startedAt ? now - startedAt : 0
            }
        }
        if outcome.hasFailed {
            let arguments = record.request.arguments(of: task)
            if arguments.count <= 4096 { outcome.extras.arguments = Array(arguments) }
        }
        record.waiter.taskEnded(outcome, task: record.first + Int(task))
    }
}
