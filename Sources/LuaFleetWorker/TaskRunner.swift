// Runs one task in this process's Lua state and writes what it says to the journal.
import CFleetSystem
import Glibc
import LuaFleetWire
import LuaVM

/// A task as it stands in the worker's read buffer.
struct IncomingTask {
    var sequence: UInt32
    var head: TaskHead
    var function: UnsafeRawBufferPointer
    var arguments: UnsafeRawBufferPointer

    init?(header: FrameHeader, payload: UnsafeRawBufferPointer) {
        var reader = FieldReader(payload)
        guard let head = TaskHead(from: &reader), let function = reader.bytes(Int(head.functionLength)) else {
            return nil
        }
        self.sequence = header.task
        self.head = head
        self.function = function
        self.arguments = reader.rest
    }
}

/// A class so that C callbacks can find it by its address; it lives as long as its process.
final class TaskRunner {
    private let journal: Journal
    private let files: CaptureFiles
    private let slot: UInt32
    let requests: SharedRequests
    private(set) var vm: OpaquePointer
    /// The task that runs now; 0: none.
    fileprivate var sequence: UInt32 = 0
    /// What was wrong with a script, by its id: the answer to every task of it.
    private var loadFailures: [UInt32: (status: WireFailure, message: [UInt8])] = [:]

    init(vm: OpaquePointer, slot: UInt32, journal: Journal, files: CaptureFiles, requests: SharedRequests) {
        self.requests = requests
        self.vm = vm
        self.slot = slot
        self.journal = journal
        self.files = files
        adopt(vm)
    }

    /// Makes `vm` the state that tasks run in; the former one is the caller's.
    func adopt(_ vm: OpaquePointer) {
        self.vm = vm
        var callbacks = lfvm_callbacks()
        callbacks.context = Unmanaged.passUnretained(self).toOpaque()
        callbacks.output = { context, stream, bytes, count in
            TaskRunner.from(context).wrote(
                UnsafeRawBufferPointer(start: bytes, count: count),
                to: stream == LFVM_OUTPUT_STDERR ? .standardError : .standardOutput)
        }
        callbacks.exiting = { context, code in TaskRunner.from(context).exiting(code) }
        callbacks.message = { context, kind, bytes, count in
            TaskRunner.from(context).append(
                .message, flags: UInt8(truncatingIfNeeded: kind), UnsafeRawBufferPointer(start: bytes, count: count))
        }
        callbacks.request = { context, request, reply in
            let runner = TaskRunner.from(context)
            runner.requests.ask(request.pointee, sequence: runner.sequence, reply: reply)
        }
        lfvm_set_callbacks(vm, &callbacks)
        lfvm_set_worker(vm, slot + 1, getpid())
        var seed: (UInt64, UInt64) = (0, 0)
        lfs_random(&seed, 16)
        withUnsafeBytes(of: &seed) { lfvm_reseed(vm, $0.bindMemory(to: UInt64.self).baseAddress!) }  // never nil
    }

    private static func from(_ context: UnsafeMutableRawPointer?) -> TaskRunner {
        Unmanaged<TaskRunner>.fromOpaque(context!).takeUnretainedValue()  // set by `adopt`, never null
    }

    // MARK: Scripts

    func define(_ definition: ScriptDefinition) {
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
        loadFailures[id] = nil
        lfvm_forget(vm, id)
    }

    // MARK: Tasks

    /// Runs the task and commits its answer to the journal; the caller flushes.
    func run(_ task: IncomingTask) {
        sequence = task.sequence
        dropLeftOvers()
        let started = lfs_now()
        if let failure = loadFailures[task.head.script] {
            failure.message.withUnsafeBufferPointer { bytes in
                withUnsafePointer(to: lfvm_piece(bytes: bytes.baseAddress, count: bytes.count)) { piece in
                    answer(
                        UnsafeBufferPointer(start: piece, count: 1), total: bytes.count,
                        status: failure.status.rawValue, started: started)
                }
            }
            sequence = 0
            return
        }
        var message = lfvm_message()
        var about = lfvm_task(index: task.head.index, attempt: task.head.attempt)
        let function = task.function
        let status = lfvm_run(
            vm, task.head.script, function.isEmpty ? nil : function.baseAddress?.assumingMemoryBound(to: CChar.self),
            function.count, task.arguments.baseAddress!.assumingMemoryBound(to: UInt8.self),  // never nil
            task.arguments.count, task.head.setsArg, &about, &message)
        fflush(nil)  // also files that the script left open: nothing that was written is lost when the process ends
        takeCaptured(.standardOutput)
        takeCaptured(.standardError)
        answer(
            UnsafeBufferPointer(start: message.pieces, count: message.piece_count), total: message.total,
            status: UInt8(truncatingIfNeeded: status.rawValue), started: started, hasHandles: message.has_handles)
        sequence = 0
    }

    /// Commits `values` or `failure`.
    private func answer(_ pieces: UnsafeBufferPointer<lfvm_piece>, total: Int, status: UInt8, started: UInt64,
        hasHandles: Bool = false
    ) {
        let prefix = FrameHeader.size + AnswerHead.size
        let header = FrameHeader(
            kind: status == 0 ? .values : .failure, flags: status == 0 && hasHandles ? 1 : status, worker: slot, task: sequence,
            length: AnswerHead.size + total)
        let head = AnswerHead(nanoseconds: lfs_now() - started, pid: getpid())
        if let target = journal.reserve(prefix + total) {
            header.store(to: target)
            head.store(to: target + FrameHeader.size)
            var position = target + prefix
            for piece in pieces where piece.count > 0 {
                position.copyMemory(from: piece.bytes!, byteCount: piece.count)  // not null where it has bytes
                position += piece.count
            }
            journal.header.pointee.answered.store(sequence, ordering: .relaxed)
            journal.commit(prefix + total)
        } else {
            withUnsafeTemporaryAllocation(byteCount: prefix, alignment: 8) { space in
                header.store(to: space.baseAddress!)  // never nil: it is not empty
                head.store(to: space.baseAddress! + FrameHeader.size)  // likewise
                withUnsafeTemporaryAllocation(of: iovec.self, capacity: pieces.count + 1) { vectors in
                    vectors[0] = iovec(iov_base: space.baseAddress, iov_len: prefix)
                    for (index, piece) in pieces.enumerated() {
                        vectors[index + 1] = iovec(
                            iov_base: UnsafeMutableRawPointer(mutating: piece.bytes), iov_len: piece.count)
                    }
                    journal.writePast(vectors)
                }
            }
            journal.header.pointee.answered.store(sequence, ordering: .relaxed)
        }
    }

    // MARK: What a task says while it runs

    private func wrote(_ bytes: UnsafeRawBufferPointer, to stream: OutputStream) {
        takeCaptured(stream)  // what a child process wrote before comes first
        append(.output, flags: stream.rawValue, bytes)
    }

    /// Hands on what stands in a capture file since the last time.
    func takeCaptured(_ stream: OutputStream) {
        var taken = journal.taken(of: stream)
        let size = files.size(of: stream)
        guard size != taken else { return }
        if size < taken { taken = 0 }  // somebody truncated the file: all of it is new
        while taken < size {
            let bytes = files.read(stream, from: taken, limit: min(Int(size - taken), 32 * 1024))
            guard !bytes.isEmpty else { break }
            bytes.withUnsafeBytes { append(.output, flags: stream.rawValue, $0) }
            taken += UInt64(bytes.count)
            journal.setTaken(taken, of: stream)
        }
        files.release(stream, upTo: taken)
    }

    /// What a process that an earlier task left behind has written since is nobody's.
    private func dropLeftOvers() {
        for stream in OutputStream.allCases { journal.setTaken(files.size(of: stream), of: stream) }
    }

    private func exiting(_ code: Int32) {
        takeCaptured(.standardOutput)
        takeCaptured(.standardError)
        withUnsafeBytes(of: code.littleEndian) { append(.exiting, flags: 0, $0) }
        journal.flush()
    }

    /// Appends a frame about the running task, in several where it is long and its kind may be cut.
    private func append(_ kind: FrameKind, flags: UInt8, _ bytes: UnsafeRawBufferPointer) {
        var rest = bytes
        repeat {
            let count = kind == .output ? min(rest.count, Journal.capacity - FrameHeader.size) : rest.count
            let header = FrameHeader(kind: kind, flags: flags, worker: slot, task: sequence, length: count)
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

extension TaskRunner {
    /// After a task's process ended without an answer: what it wrote to fd 1 and 2.
    func collectOutput(sequence: UInt32) {
        self.sequence = sequence
        takeCaptured(.standardOutput)
        takeCaptured(.standardError)
        self.sequence = 0
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
