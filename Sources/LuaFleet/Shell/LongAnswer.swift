// An answer that is too long to stand in a read buffer: collected in memory of its own size.
import LuaFleetWire
import NIOCore

struct LongAnswer {
    /// Bytes that are missing from which on it pays. Smaller: small answers take the long way; larger: they are copied once more.
    static let threshold = 32 * 1024

    let header: FrameHeader
    let head: AnswerHead
    private(set) var message: [UInt8]
    private var missing: Int

    /// Takes the beginning of an answer of one task from the front of `bytes`, all of them; nil when they do not begin with one. The parser has accepted its length.
    init?(front bytes: inout ByteBuffer) throws(ProtocolViolation) {
        let prefix = FrameHeader.size + AnswerHead.size
        guard bytes.readableBytes >= prefix else { return nil }
        let heads = try bytes.withUnsafeReadableBytes { bytes throws(ProtocolViolation) -> (FrameHeader, AnswerHead?) in
            let header = try FrameHeader(from: bytes)
            var reader = FieldReader(UnsafeRawBufferPointer(rebasing: bytes[FrameHeader.size...]))
            return (header, AnswerHead(from: &reader))
        }
        guard heads.0.kind == .values || heads.0.kind == .failure, let head = heads.1, head.count == 1 else {
            return nil
        }
        let length = Int(heads.0.length) - AnswerHead.size
        guard length > 0 else { return nil }
        header = heads.0
        self.head = head
        message = []
        message.reserveCapacity(length)
        missing = length
        bytes.moveReaderIndex(forwardBy: prefix)
        _ = take(from: &bytes)
    }

    /// Takes what belongs to the answer. True when it is whole.
    mutating func take(from bytes: inout ByteBuffer) -> Bool {
        let count = min(missing, bytes.readableBytes)
        bytes.withUnsafeReadableBytes { message.append(contentsOf: UnsafeRawBufferPointer(rebasing: $0[..<count])) }
        bytes.moveReaderIndex(forwardBy: count)
        missing -= count
        return missing == 0
    }
}
