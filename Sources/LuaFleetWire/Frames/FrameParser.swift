// Finds the frames in a stream of bytes.

/// Cuts frames off the front of a buffer. It keeps no bytes: the caller owns the buffer and drops what was consumed.
package struct FrameParser: Sendable {
    /// The longest payload that is accepted; a longer one is a violation before a byte of it is stored.
    package var limit: UInt32

    package init(limit: UInt32) {
        self.limit = limit
    }

    package enum Step {
        /// A whole frame; it and its header take `size` bytes off the front.
        case frame(FrameHeader, payload: UnsafeRawBufferPointer, size: Int)
        /// At least `count` more bytes are needed.
        case needs(Int)
    }

    /// The frame at the front of `bytes`, if it is whole.
    package func next(in bytes: UnsafeRawBufferPointer) throws(ProtocolViolation) -> Step {
        guard bytes.count >= FrameHeader.size else { return .needs(FrameHeader.size - bytes.count) }
        let header = try FrameHeader(from: bytes)
        guard header.length <= limit else {
            throw .tooLong(kind: header.kind, length: header.length, limit: limit)
        }
        let size = FrameHeader.size + Int(header.length)
        guard bytes.count >= size else { return .needs(size - bytes.count) }
        return .frame(header, payload: UnsafeRawBufferPointer(rebasing: bytes[FrameHeader.size..<size]), size: size)
    }
}

/// The bytes that a fork server sends before its first frame. What stands in front of them (a banner, a shell's start-up noise) is skipped.
package enum Preface {
    package static let bytes: [UInt8] = [0x1B, 0x4C, 0x75, 0x61, 0x46, 0x6C, 0x74, 0x0A]  // ESC "LuaFlt" LF

    /// More noise than this is no noise but another program. Smaller: a long login banner is refused; larger: a wrong program is believed for longer.
    package static let noiseLimit = 64 * 1024

    /// The offset behind the preface, or nil while it has not come.
    package static func end(in bytes: UnsafeRawBufferPointer) throws(ProtocolViolation) -> Int? {
        let count = Self.bytes.count
        if bytes.count >= count {
            for start in 0...(min(bytes.count, noiseLimit + count) - count) where bytes[start] == Self.bytes[0] {
                var offset = 1
                while offset < count, bytes[start + offset] == Self.bytes[offset] { offset += 1 }
                if offset == count { return start + count }
            }
        }
        guard bytes.count < noiseLimit + count else { throw .noPreface }
        return nil
    }
}
