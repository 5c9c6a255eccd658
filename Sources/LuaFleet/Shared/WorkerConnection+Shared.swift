// Requests of a worker's tasks and their replies, some of which carry a descriptor.
import CFleetSystem
import Glibc
import LuaFleetCore
import LuaFleetWire
import NIOCore

extension WorkerConnection {
    /// A task with these handles in its arguments is about to be sent.
    func sends(_ handles: [SharedHandle], to sequence: UInt32, of record: TaskRecord?, task: UInt32) {
        guard !handles.isEmpty else { return }
        shared?.sends(
            handles, to: sequence, ownsProcess: record?.request.isolation == .freshProcess,
            name: { name(of: record, task) })
    }

    /// A task of this record, or the pool's initializer or finalizer, asks.
    func requested(_ payload: UnsafeRawBufferPointer, sequence: UInt32, of record: TaskRecord?, task: UInt32)
        throws(ProtocolViolation)
    {
        guard let loop = channel?.eventLoop else { return }
        vigil.requestCame(on: loop, socket: socket)
        let connection = NIOLoopBound(self, eventLoop: loop)
        try shared?.received(
            payload, from: sequence, ownsProcess: record?.request.isolation == .freshProcess,
            name: { name(of: record, task) }
        ) { reply in
            if loop.inEventLoop {
                connection.value.send(reply, sequence: sequence)
            } else {
                loop.execute { connection.value.send(reply, sequence: sequence) }
            }
        }
    }

    /// Who it is in messages about others that wait.
    private func name(of record: TaskRecord?, _ task: UInt32) -> String {
        guard let record else { return "a task of worker \(id.slot + 1)" }
        return "task \(record.number + Int(task)) (\(record.request.script.name), worker \(id.slot + 1))"
    }

    private func send(_ reply: SharedReply, sequence: UInt32) {
        let frame = reply.frame(worker: id.slot, task: sequence)
        guard let mapping = reply.mapping else {
            write(frame)
            return flush()
        }
        guard let channel else { return }
        // The descriptor is sent past the channel, so everything before it has to be in the socket, and nothing may be written meanwhile.
        passOn()
        isHeld = true
        let connection = NIOLoopBound(self, eventLoop: channel.eventLoop)
        channel.writeAndFlush(ByteBuffer()).whenComplete { result in
            if case .success = result { connection.value.send(frame, with: mapping) }
        }
    }

    private func send(_ frame: [UInt8], with mapping: SharedMapping) {
        guard let channel, channel.isActive else { return }  // the worker is gone: its end is reported
        let sent = frame.withUnsafeBytes { bytes in
            lfs_send(socket, bytes.baseAddress!, bytes.count, mapping.descriptor)  // not empty
        }
        if sent == -Int(EAGAIN) {
            // The task waits for this and reads all that comes, so there is room soon.
            let connection = NIOLoopBound(self, eventLoop: channel.eventLoop)
            channel.eventLoop.scheduleTask(in: .milliseconds(1)) { connection.value.send(frame, with: mapping) }
            return
        }
        isHeld = false
        guard sent > 0 else { return }
        if sent < frame.count { channel.write(ByteBuffer(bytes: frame[sent...]), promise: nil) }
        flush()
    }
}

extension SharedReference {
    /// References to every shared object in a message.
    static func all(in message: [UInt8]) -> [SharedReference] {
        message.withUnsafeBytes { SharedItem.handles(in: $0) }.compactMap { SharedReference($0) }
    }
}
