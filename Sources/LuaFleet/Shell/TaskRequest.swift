// Tasks as they are handed to the pool: one script, one function, one or more messages of arguments.
import LuaFleetCore
import LuaFleetWire
@_spi(CustomByteBufferAllocator) import NIOCore

/// Tasks of one script and function that differ in nothing but their arguments.
struct TaskRequest: Sendable {
    /// The messages of arguments.
    enum Arguments: Sendable {
        /// One task, in a frame of its own.
        case one(TaskPayload)
        case many(SlabArguments)
    }

    var script: LuaScriptContent
    /// Empty: the chunk itself.
    var function: [UInt8]
    var arguments: Arguments
    var isolation: WireIsolation
    var setsArg = false
    var policy: TaskPolicy
    /// What `fleet.task.index` says of the first one; from 1.
    var index: UInt64 = 1
    /// What `fleet.task.attempt` says at the first start.
    var firstAttempt: UInt32 = 1

    var count: UInt32 {
        switch arguments {
        case .one: 1
        case .many(let slab): UInt32(slab.ends.count)
        }
    }

    /// The arguments of one task, for whoever wants to see them.
    func arguments(of task: UInt32) -> ByteBufferView {
        switch arguments {
        case .one(let payload): payload.arguments
        case .many(let slab):
            // It wrote them: they are there.
            slab.bytes.viewBytes(at: slab.start(of: task), length: slab.length(of: task)) ?? ByteBufferView()
        }
    }
}

/// Messages of arguments, back to back.
struct SlabArguments: Sendable {
    var bytes: ByteBuffer
    /// Where each message ends.
    var ends: [UInt32]
    /// The handles in the arguments of tasks that have some, and what keeps their objects until the tasks have ended.
    var handles: [UInt32: [SharedHandle]] = [:]
    var references: [SharedReference] = []

    func start(of task: UInt32) -> Int { task == 0 ? 0 : Int(ends[Int(task) - 1]) }
    func length(of task: UInt32) -> Int { Int(ends[Int(task)]) - start(of: task) }
}

/// Collects messages of arguments for a slab.
struct SlabBuilder: ~Copyable {
    private var writer: ValueWriter
    private(set) var ends: [UInt32] = []
    private var handles: [UInt32: [SharedHandle]] = [:]

    init(capacity: Int) {
        writer = ValueWriter(capacity: capacity)
    }

    var count: Int { ends.count }
    var byteCount: Int { writer.count }

    /// Appends a message. When `encode` throws, the slab is as it was.
    mutating func append(_ encode: (inout ValueWriter) throws -> Void) rethrows {
        let (start, known) = (writer.count, writer.handleCount)
        try encode(&writer)
        if writer.handleCount != known {
            handles[UInt32(ends.count)] = writer.withBytes {
                SharedItem.handles(in: UnsafeRawBufferPointer(rebasing: $0[start...]))
            }
        }
        ends.append(UInt32(writer.count))
    }

    /// What was collected; the builder is of no use afterwards.
    consuming func finish() -> SlabArguments {
        let (memory, count) = writer.takeStorage()
        return SlabArguments(
            bytes: ByteBuffer(takingOwnershipOf: memory, allocator: ByteBufferAllocator(), writerIndex: count),
            ends: ends, handles: handles, references: handles.values.joined().compactMap { SharedReference($0) })
    }
}
