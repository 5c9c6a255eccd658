// Requests of a worker's tasks and their replies, some of which carry a descriptor.
import CFleetSystem
import Glibc
import LuaFleetCore
import LuaFleetWire
import NIOCore

extension WorkerConnection {
    /// A task is about to be sent.
    func sends(_ request: TaskRequest, sequence: UInt32) {
        guard !request.payload.handles.isEmpty else { return }
        shared?.sends(
            request.payload.handles, to: sequence, ownsProcess: request.isolation == .freshProcess,
            name: { "task \(request.index) (worker \(id.slot + 1))" })
    }

    func requested(_ payload: UnsafeRawBufferPointer, sequence: UInt32, ownsProcess: Bool, index: UInt64 = 0)
        throws(ProtocolViolation)
    {
        guard let loop = channel?.eventLoop else { return }
        let slot = id.slot
        let connection = NIOLoopBound(self, eventLoop: loop)
        try shared?.received(
            payload, from: sequence, ownsProcess: ownsProcess,
            name: { index == 0 ? "a task of worker \(slot + 1)" : "task \(index) (worker \(slot + 1))" }
        ) { reply in
            if loop.inEventLoop {
                connection.value.send(reply, sequence: sequence)
            } else {
                loop.execute { connection.value.send(reply, sequence: sequence) }
            }
        }
    }

    private func send(_ reply: SharedReply, sequence: UInt32) {
        let frame = reply.frame(worker: id.slot, task: sequence)
        guard let mapping = reply.mapping else { return writeAndFlush(ByteBuffer(bytes: frame)) }
        guard let channel else { return }
        // The descriptor is sent past the channel, so everything before it has to be in the socket, and nothing may be written meanwhile.
        held = []
        let connection = NIOLoopBound(self, eventLoop: channel.eventLoop)
        channel.writeAndFlush(ByteBuffer()).whenComplete { result in
            if case .success = result { connection.value.send(frame, with: mapping) }
        }
    }

    private func send(_ frame: [UInt8], with mapping: SharedMapping) {
        guard let channel, channel.isActive else { return }  // the worker is gone: its end is reported
        let sent = frame.withUnsafeBytes { lfs_send(socket, $0.baseAddress!, $0.count, mapping.descriptor) }  // not empty
        if sent == -Int(EAGAIN) {
            // The task waits for this and reads all that comes, so there is room soon.
            let connection = NIOLoopBound(self, eventLoop: channel.eventLoop)
            channel.eventLoop.scheduleTask(in: .milliseconds(1)) { connection.value.send(frame, with: mapping) }
            return
        }
        let waiting = held ?? []
        held = nil
        guard sent > 0 else { return }
        if sent < frame.count { channel.write(ByteBuffer(bytes: frame[sent...]), promise: nil) }
        for bytes in waiting { channel.write(bytes, promise: nil) }
        channel.flush()
    }
}

extension SharedReference {
    /// References to every shared object in a message.
    static func all(in message: [UInt8], if hasHandles: Bool) -> [SharedReference] {
        guard hasHandles else { return [] }
        return message.withUnsafeBytes { SharedItem.handles(in: $0) }.compactMap { SharedReference($0) }
    }
}
