// The sixteen bytes in front of every frame, and what they may say.

/// What a frame is. A closed set: any other byte is a protocol violation.
package enum FrameKind: UInt8, Sendable, CaseIterable {
    // Fork server and host, on the control socket.
    case hello = 1  // server → host, the first frame
    case startWorker = 2  // host → server, with the worker's socket as SCM_RIGHTS
    case killWorker = 3  // host → server: SIGKILL to the worker's process group
    case workerNotStarted = 4  // server → host: fork failed
    case workerExited = 5  // server → host
    case define = 6  // host → server or worker: a script by its id
    case forget = 7  // host → worker
    case configure = 8  // host → server, its first frame, with the settings in a file as SCM_RIGHTS
    case configured = 9  // server → host: the answer
    case reply = 10  // host → worker: the answer to a request; flags hold the status
    case interruptWorker = 11  // host → server: the signal that interrupts the task which the worker's page names

    // Worker and host, on the worker's socket.
    case ready = 16  // worker → host, the first frame
    case task = 17  // host → worker
    case values = 18  // worker → host: the task returned
    case failure = 19  // worker → host: the task failed; flags hold the status
    case output = 20  // worker → host: what the task wrote; flags hold the stream
    case message = 21  // worker → host: fleet.progress, send, log; flags hold which
    case exiting = 22  // worker → host: the script called os.exit
    case processExited = 23  // worker → host: the process of a fresh-process task ended without an answer
    case request = 24  // worker → host: what a task asks of a shared object
    case usage = 25  // worker → host: what the task that is answered next has used
}

/// The header of a frame, little-endian: length of the payload (4 bytes), kind, flags, two zero bytes, worker (4), task (4).
package struct FrameHeader: Equatable, Sendable {
    @inlinable package static var size: Int { 16 }

    /// Bytes that follow the header.
    package var length: UInt32
    package var kind: FrameKind
    package var flags: UInt8
    /// The worker's slot. One stream can carry many workers, so every frame names its own.
    package var worker: UInt32
    /// On a worker's socket the number of the task on that worker; on the control socket the generation of the worker's slot.
    package var task: UInt32

    package init(kind: FrameKind, flags: UInt8 = 0, worker: UInt32, task: UInt32 = 0, length: Int = 0) {
        self.length = UInt32(clamping: length)
        self.kind = kind
        self.flags = flags
        self.worker = worker
        self.task = task
    }

    /// Writes the sixteen bytes to `target`, which has room for them.
    package func store(to target: UnsafeMutableRawPointer) {
        target.storeBytes(of: length.littleEndian, as: UInt32.self)
        target.storeBytes(of: kind.rawValue, toByteOffset: 4, as: UInt8.self)
        target.storeBytes(of: flags, toByteOffset: 5, as: UInt8.self)
        target.storeBytes(of: 0, toByteOffset: 6, as: UInt16.self)
        target.storeBytes(of: worker.littleEndian, toByteOffset: 8, as: UInt32.self)
        target.storeBytes(of: task.littleEndian, toByteOffset: 12, as: UInt32.self)
    }

    /// Reads a header from the start of `bytes`, which hold at least sixteen.
    package init(from bytes: UnsafeRawBufferPointer) throws(ProtocolViolation) {
        precondition(bytes.count >= Self.size)
        let rawKind = bytes[4]
        guard let kind = FrameKind(rawValue: rawKind) else { throw .unknownKind(rawKind) }
        guard bytes[6] == 0, bytes[7] == 0 else { throw .reservedBytes }
        self.length = UInt32(littleEndian: bytes.loadUnaligned(as: UInt32.self))
        self.kind = kind
        self.flags = bytes[5]
        self.worker = UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt32.self))
        self.task = UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: 12, as: UInt32.self))
    }
}

/// How the other side broke the protocol. Whoever does is not talked to again: a worker is killed.
package enum ProtocolViolation: Error, Equatable, Sendable, CustomStringConvertible {
    case noPreface
    case unknownKind(UInt8)
    case reservedBytes
    case tooLong(kind: FrameKind, length: UInt32, limit: UInt32)
    case malformed(FrameKind)
    case unexpected(FrameKind)
    case wrongWorker(UInt32)
    case wrongTask(UInt32)

    package var description: String {
        switch self {
        case .noPreface: "it does not speak LuaFleet's protocol"
        case .unknownKind(let kind): "frame of unknown kind \(kind)"
        case .reservedBytes: "reserved bytes of a frame are not zero"
        case .tooLong(let kind, let length, let limit): "\(kind) frame of \(length) bytes, over the limit of \(limit)"
        case .malformed(let kind): "malformed \(kind) frame"
        case .unexpected(let kind): "unexpected \(kind) frame"
        case .wrongWorker(let worker): "frame that names worker \(worker)"
        case .wrongTask(let task): "frame that names task \(task)"
        }
    }
}
