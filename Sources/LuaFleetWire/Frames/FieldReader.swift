// Reads and writes the fixed fields of payloads: little-endian integers and byte strings with a length in front.

/// A cursor over a payload. Every read says nil where the bytes end too soon; nothing is trusted.
package struct FieldReader {
    package private(set) var rest: UnsafeRawBufferPointer

    package init(_ bytes: UnsafeRawBufferPointer) {
        self.rest = bytes
    }

    package mutating func integer<T: FixedWidthInteger>(_: T.Type = T.self) -> T? {
        guard rest.count >= MemoryLayout<T>.size else { return nil }
        let value = T(littleEndian: rest.loadUnaligned(as: T.self))
        rest = UnsafeRawBufferPointer(rebasing: rest[MemoryLayout<T>.size...])
        return value
    }

    package mutating func bytes(_ count: Int) -> UnsafeRawBufferPointer? {
        guard count >= 0, rest.count >= count else { return nil }
        let slice = UnsafeRawBufferPointer(rebasing: rest[..<count])
        rest = UnsafeRawBufferPointer(rebasing: rest[count...])
        return slice
    }

    /// A length of four bytes, then that many bytes.
    package mutating func counted() -> UnsafeRawBufferPointer? {
        guard let count = integer(UInt32.self) else { return nil }
        return bytes(Int(count))
    }
}

extension [UInt8] {
    package mutating func append<T: FixedWidthInteger>(integer value: T) {
        Swift.withUnsafeBytes(of: value.littleEndian) { append(contentsOf: $0) }
    }

    package mutating func append(counted bytes: some Collection<UInt8>) {
        append(integer: UInt32(clamping: bytes.count))
        append(contentsOf: bytes)
    }

    /// A whole frame with this payload.
    package static func frame(_ header: FrameHeader, payload: [UInt8] = []) -> [UInt8] {
        var header = header
        header.length = UInt32(clamping: payload.count)
        // Not by `append`, whose generic code looks types up when it first runs: a twentieth of the time of a run of one script.
        return [UInt8](unsafeUninitializedCapacity: FrameHeader.size + payload.count) { buffer, count in
            let start = UnsafeMutableRawPointer(buffer.baseAddress!)  // never nil: there is a header
            header.store(to: start)
            payload.withUnsafeBytes { bytes in
                guard let source = bytes.baseAddress else { return }
                (start + FrameHeader.size).copyMemory(from: source, byteCount: bytes.count)
            }
            count = FrameHeader.size + payload.count
        }
    }
}
