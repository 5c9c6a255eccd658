// A task's frame as it will be sent: written once by the encoder, its head filled in when a worker is known.
import LuaFleetWire
@_spi(CustomByteBufferAllocator) import NIOCore

/// Room for the head, the function's name, the encoded arguments: one piece of memory from the encoder to the socket. A class, so that it is handed on without counting the
/// references in it.
final class TaskPayload: @unchecked Sendable {  // made by whoever hands the task in, then the event loop's
    private static let headSize = FrameHeader.size + TaskHead.size

    @exclusivity(unchecked) private var frame: ByteBuffer
    private let functionLength: Int
    /// The handles in the arguments, one for each time, and what keeps their objects until the task has ended.
    let handles: [SharedHandle]
    let references: [SharedReference]

    /// Encodes a task's arguments. `function` is empty for the chunk itself.
    init(function: [UInt8], encode: (inout ValueWriter) throws -> Void) rethrows {
        functionLength = function.count
        let prefix = Self.headSize + function.count
        var writer = ValueWriter(capacity: prefix + 128)
        writer.begin(prefix: prefix) { space in
            // The head is written when the task is sent; zero until then.
            space.initializeMemory(as: UInt8.self, repeating: 0)
            UnsafeMutableRawBufferPointer(rebasing: space[Self.headSize...]).copyBytes(from: function)
        }
        try encode(&writer)
        handles =
            writer.handleCount == 0
            ? [] : writer.withBytes { SharedItem.handles(in: UnsafeRawBufferPointer(rebasing: $0[prefix...])) }
        references = handles.compactMap { SharedReference($0) }
        let (memory, count) = writer.takeStorage()
        frame = ByteBuffer(takingOwnershipOf: memory, allocator: ByteBufferAllocator(), writerIndex: count)
    }

    /// The encoded message of arguments.
    var arguments: ByteBufferView {
        frame.readableBytesView.dropFirst(Self.headSize + functionLength)
    }

    /// The whole frame, for this worker.
    func frame(_ header: FrameHeader, _ head: TaskHead) -> ByteBuffer {
        var (header, head) = (header, head)
        header.length = UInt32(clamping: frame.readableBytes - FrameHeader.size)
        head.functionLength = UInt16(clamping: functionLength)
        frame.withUnsafeMutableReadableBytes { bytes in
            header.store(to: bytes.baseAddress!)  // never empty: it begins with room for the head
            head.store(to: bytes.baseAddress! + FrameHeader.size)
        }
        return frame
    }
}
