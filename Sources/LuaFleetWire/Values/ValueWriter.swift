// The growable bytes that messages are written to, and the caps of the message that is being written.

/// Appends values to raw memory that it owns. Not thread-safe.
///
/// A write beyond the byte limit writes nothing and sets ``isOverLimit``, so that the fast paths need not throw; whoever
/// finishes a message looks at it (``checkLimits()``).
package struct ValueWriter: ~Copyable {
    @usableFromInline package var base: UnsafeMutableRawPointer
    @usableFromInline package var capacity: Int
    /// Bytes written.
    package var count: Int
    /// The most bytes that ``count`` may become; set for each message.
    @usableFromInline package var limitEnd: Int
    /// Whether something did not fit and is missing.
    package var isOverLimit = false
    /// The caps of the message that is being written.
    package var limits: ValueLimits
    /// Items of the message so far.
    package var elements = 0
    /// Handles of shared objects that were written, in all messages.
    package var handleCount = 0
    /// Where the message began.
    package var messageStart = 0
    /// What of this message has a number already.
    package var sharing = ValueSharing()

    @inlinable package init(capacity: Int = 256, limits: ValueLimits = .standard) {
        let capacity = max(16, capacity)
        base = UnsafeMutableRawPointer.allocate(byteCount: capacity, alignment: 16)
        self.capacity = capacity
        self.limits = limits
        count = 0
        limitEnd = limits.bytes
    }

    /// A writer without memory: stands in while the real one is elsewhere.
    package static func placeholder() -> ValueWriter { ValueWriter(memory: ()) }

    private init(memory: Void) {
        base = UnsafeMutableRawPointer(mutating: ValueReader.nowhere)
        capacity = 0
        limits = .standard
        count = 0
        limitEnd = limits.bytes
    }

    deinit {
        if capacity > 0 { base.deallocate() }
    }

    /// Begins with `count` bytes that are no value: room for the head of a frame, filled by `body`. The capacity has to have room for them.
    package mutating func begin(prefix count: Int, _ body: (UnsafeMutableRawBufferPointer) -> Void) {
        precondition(self.count == 0 && count <= capacity)
        body(UnsafeMutableRawBufferPointer(start: base, count: count))
        self.count = count
        messageStart = count
    }

    /// Hands over the memory that was written to, without a copy; whoever takes it frees it (`deallocate()`, which is free(3)). Ends the writer's use.
    package mutating func takeStorage() -> (memory: UnsafeMutableRawBufferPointer, count: Int) {
        defer {
            capacity = 0
            count = 0
        }
        return (UnsafeMutableRawBufferPointer(start: base, count: capacity), count)
    }

    /// What has been written. Valid until the next write.
    @inlinable package func withBytes<R, E: Error>(_ body: (UnsafeRawBufferPointer) throws(E) -> R) throws(E) -> R {
        try body(UnsafeRawBufferPointer(start: base, count: count))
    }

    /// A copy of what has been written.
    @inlinable package func bytes() -> [UInt8] {
        [UInt8](UnsafeRawBufferPointer(start: base, count: count))
    }

    /// Forgets everything written; keeps the memory.
    @inlinable package mutating func removeAll() {
        count = 0
        messageStart = 0
        limitEnd = limits.bytes
        isOverLimit = false
        elements = 0
        if !sharing.isEmpty { sharing = ValueSharing() }
    }

    /// Begins a message of `items` arguments or results: the caps start anew, and the numbers of shared tables.
    @inlinable package mutating func beginMessage(items: Int, limits: ValueLimits? = nil) {
        if let limits { self.limits = limits }
        messageStart = count
        let (end, overflow) = count.addingReportingOverflow(self.limits.bytes)
        limitEnd = overflow ? Int.max : end
        isOverLimit = false
        elements = 0
        if !sharing.isEmpty { sharing = ValueSharing() }
        array(count: items)
    }

    /// Drops the message that is being written.
    @inlinable package mutating func abandonMessage() {
        count = messageStart
        isOverLimit = false
        if !sharing.isEmpty { sharing = ValueSharing() }
    }

    /// Throws when the message is over a cap of bytes or elements.
    @inlinable package mutating func checkLimits() throws(ValueError) {
        if isOverLimit || count > limitEnd { throw ValueError(.limitBytes(limits.bytes), at: count - messageStart) }
        if elements > limits.elements { throw ValueError(.limitElements(limits.elements), at: count - messageStart) }
    }

    /// Makes room for `more` bytes. False, and nothing may be written, when that is over the limit.
    @inlinable @inline(__always) package mutating func reserve(_ more: Int) -> Bool {
        if _fastPath(more <= capacity &- count && more <= limitEnd &- count) { return true }
        return grow(more)
    }

    @usableFromInline @inline(never) mutating func grow(_ more: Int) -> Bool {
        // The reservation of a head is generous; what was really written is what the limit is about.
        if isOverLimit { return false }
        let (needed, overflow) = count.addingReportingOverflow(more)
        if overflow || (needed > limitEnd && needed &- limitEnd > 9) || count > limitEnd {
            isOverLimit = true
            return false
        }
        if needed > capacity {
            let wanted = max(needed, capacity > Int.max / 2 ? needed : capacity * 2)
            let grown = UnsafeMutableRawPointer.allocate(byteCount: wanted, alignment: 16)
            grown.copyMemory(from: base, byteCount: count)
            if capacity > 0 { base.deallocate() }
            base = grown
            capacity = wanted
        }
        return true
    }
}
