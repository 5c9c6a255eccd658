// What a running task asks of shared objects: a request goes out, and the task waits for its reply.
import CFleetSystem
import Glibc
import LuaFleetWire
import LuaVM

/// Frames that come while it waits and are not its reply stay in the input buffer, in order, for later.
final class SharedRequests {
    private let journal: Journal
    private let input: InputBuffer
    private var lastNumber: UInt32 = 0
    private var hope = lfs_hope()
    /// This process ends with its task: it must not read what is meant for the worker behind the reply.
    var isShortLived = false

    init(journal: Journal, input: InputBuffer) {
        self.journal = journal
        self.input = input
    }

    /// Called between Lua and its caller: returns a status, never raises.
    func ask(_ request: lfvm_request, sequence: UInt32, reply: UnsafeMutablePointer<lfvm_reply>?) {
        guard let operation = SharedOperation(rawValue: UInt16(truncatingIfNeeded: request.operation)) else {
            reply?.pointee.status = LFVM_REPLY_FAILED
            return
        }
        if reply != nil { lastNumber = lastNumber == .max ? 1 : lastNumber + 1 }
        let head = SharedRequestHead(
            number: reply == nil ? 0 : lastNumber, operation: operation, hasHandles: request.has_handles,
            object: request.object,
            timeout: request.timeout, argument: request.argument)
        write(head, request, sequence: sequence)
        guard let reply else {
            // Somebody waits for a lock that is let go; the rest goes with the next flush.
            if operation == .release { journal.flush() }
            return
        }
        journal.flush()
        wait(for: lastNumber, sequence: sequence, reply)
    }

    private func withdraw(_ number: UInt32, sequence: UInt32) {
        let head = SharedRequestHead(
            number: number, operation: .withdraw, hasHandles: false, object: 0, timeout: -1, argument: Int64(number))
        withUnsafePointer(to: UInt8(0x80)) { nothing in
            write(
                head,
                lfvm_request(
                    operation: 0, has_handles: false, object: 0, timeout: -1, argument: 0, bytes: nothing, count: 1),
                sequence: sequence)
        }
        journal.flush()
    }

    private func write(_ head: SharedRequestHead, _ request: lfvm_request, sequence: UInt32) {
        let fixed = FrameHeader.size + SharedRequestHead.size
        let header = FrameHeader(
            kind: .request, worker: journal.slot, task: sequence, length: SharedRequestHead.size + request.count)
        if let target = journal.reserve(fixed + request.count) {
            header.store(to: target)
            head.store(to: target + FrameHeader.size)
            (target + fixed).copyMemory(from: request.bytes, byteCount: request.count)
            journal.commit(fixed + request.count)
            return
        }
        withUnsafeTemporaryAllocation(byteCount: fixed, alignment: 8) { space in
            header.store(to: space.baseAddress!)  // never nil: it is not empty
            head.store(to: space.baseAddress! + FrameHeader.size)  // likewise
            withUnsafeTemporaryAllocation(of: iovec.self, capacity: 2) { pieces in
                pieces[0] = iovec(iov_base: space.baseAddress, iov_len: fixed)
                pieces[1] = iovec(iov_base: UnsafeMutableRawPointer(mutating: request.bytes), iov_len: request.count)
                journal.writePast(pieces)
            }
        }
    }

    /// The host always answers, or ends this process.
    private func wait(for number: UInt32, sequence: UInt32, _ reply: UnsafeMutablePointer<lfvm_reply>) {
        let parser = FrameParser(limit: .max)  // the host is trusted
        var descriptor: Int32 = -1
        var position: Int
        do throws(ProtocolViolation) { position = try input.missing(parser) } catch {
            _exit(WorkerStatus.protocolViolation)
        }
        var mayEnd = true
        while true {
            let wanted: Int
            if input.later.bytes.count < position {
                wanted = position - input.later.bytes.count
            } else {
                let rest = UnsafeRawBufferPointer(rebasing: input.later.bytes[position...])
                let step: FrameParser.Step
                do throws(ProtocolViolation) { step = try parser.next(in: rest) } catch {
                    _exit(WorkerStatus.protocolViolation)
                }
                switch step {
                case .needs(let count): wanted = count
                case .frame(let header, _, let size) where header.kind != .reply:
                    position += size
                    wanted = 0
                case .frame(let header, let payload, let size):
                    take(header, payload, number: number, descriptor, reply)
                    return input.later.remove(position..<(position + size))
                }
            }
            guard wanted > 0 else { continue }
            if mayEnd, !lfs_comes_soon(3, &hope), !lfvm_await_input(3) {
                // The task is being interrupted: what it waits for, if it still does, is answered "timed out".
                mayEnd = false
                withdraw(number, sequence: sequence)
            }
            receive(wanted, into: &descriptor)
        }
    }

    private func receive(_ count: Int, into descriptor: inout Int32) {
        var fds: (Int32, Int32) = (-1, -1)
        var fdCount = 0
        let room = input.later.makeRoom(count)
        let limit = isShortLived ? count : room.count
        let received = withUnsafeMutableBytes(of: &fds) {
            lfs_receive(
                3, room.baseAddress!, limit,  // room for at least one byte
                $0.bindMemory(to: Int32.self).baseAddress!, 2, &fdCount)  // a tuple of two: never nil
        }
        guard received > 0 else { _exit(WorkerStatus.hostGone) }
        input.later.received(received)
        input.readLater()
        if fdCount > 0 { descriptor = fds.0 }
        if fdCount > 1 { close(fds.1) }
    }

    private func take(
        _ header: FrameHeader, _ payload: UnsafeRawBufferPointer, number: UInt32, _ descriptor: Int32,
        _ reply: UnsafeMutablePointer<lfvm_reply>
    ) {
        var reader = FieldReader(payload)
        guard let head = SharedReplyHead(from: &reader), head.number == number,
            head.hasDescriptor == (descriptor >= 0)
        else { _exit(WorkerStatus.protocolViolation) }
        reply.pointee.status = lfvm_reply_status(rawValue: UInt32(header.flags))
        reply.pointee.fd = descriptor
        let bytes = reader.rest
        guard !bytes.isEmpty else { return }
        guard let copy = malloc(bytes.count) else {
            reply.pointee.status = LFVM_REPLY_FAILED
            return
        }
        copy.copyMemory(from: bytes.baseAddress!, byteCount: bytes.count)  // not empty
        reply.pointee.bytes = UnsafePointer(copy.assumingMemoryBound(to: UInt8.self))
        reply.pointee.count = bytes.count
    }
}
