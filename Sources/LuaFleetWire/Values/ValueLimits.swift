// The caps of one message: how many bytes, items and levels of tables.

/// Caps of a message, checked by the encoder and by the decoder.
package struct ValueLimits: Hashable, Sendable {
    /// Bytes of the whole message. Smaller: large strings do not pass; larger: one task may hold that much of the host.
    package var bytes: Int
    /// Items (every key, value and table counts one). An item of one byte costs the host about 40 bytes decoded.
    package var elements: Int
    /// Levels of tables; a table that is itself an argument or a result is the first.
    package var depth: Int
    /// Whether functions by value and objects with a constructor pass. A sandboxed worker writes none: who sends one is no honest worker.
    package var allowsCode = true

    package init(bytes: Int = 64 << 20 + 64 << 10, elements: Int = 10_000_000, depth: Int = 1_000) {
        self.bytes = bytes
        self.elements = elements
        self.depth = depth
    }

    /// 64 MiB, 10,000,000 items, 1,000 levels: sandbox levels `none` and `safe`.
    package static let standard = ValueLimits()
    /// 8 MiB, 1,000,000 items, 200 levels: sandbox level `locked`.
    package static let locked = ValueLimits(bytes: 8 << 20 + 64 << 10, elements: 1_000_000, depth: 200)

    /// The same without code.
    package var withoutCode: ValueLimits {
        var limits = self
        limits.allowsCode = false
        return limits
    }
}
