// A value that a shared object keeps: bytes, and the handles in them.

/// A handle as it stands in a message. The kind is what the sender says; who looks the object up compares.
package struct SharedHandle: Hashable, Sendable {
    package var kind: UInt32
    package var id: UInt64

    package init(kind: UInt32, id: UInt64) {
        self.kind = kind
        self.id = id
    }
}

/// Encoded values with the handles that stand in them, one entry for each time.
package struct SharedItem: Hashable, Sendable {
    package var bytes: [UInt8]
    package var handles: [SharedHandle]

    package init(bytes: [UInt8], handles: [SharedHandle] = []) {
        self.bytes = bytes
        self.handles = handles
    }

    /// A message without values.
    package static let empty = SharedItem(bytes: [0x80])

    /// Whether `bytes` are one well-formed message of `count` values.
    package static func isMessage(_ bytes: UnsafeRawBufferPointer, of count: Int) -> Bool {
        do throws(ValueError) {
            var reader = try ValueReader(bytes)
            guard case .array(count) = try reader.next() else { return false }
            for _ in 0..<count { try reader.skip() }
            try reader.finish()
            return true
        } catch {
            return false
        }
    }

    /// The handles in a message, in order. Items follow each other flat, so nothing has to be nested to find them. Nothing where the bytes are malformed.
    package static func handles(in bytes: UnsafeRawBufferPointer) -> [SharedHandle] {
        var found: [SharedHandle] = []
        do throws(ValueError) {
            var reader = try ValueReader(bytes)
            while !reader.isAtEnd {
                let start = reader.offset
                if case .tag(ValueTag.handle) = try reader.next() {
                    let (kind, id) = try reader.handle(at: start)
                    found.append(SharedHandle(kind: kind, id: id))
                }
            }
        } catch {
            return []
        }
        return found
    }
}
