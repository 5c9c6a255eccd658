// A Lua string: bytes of any value and any number, which need not be text.

/// A Lua string: immutable bytes, of which Lua asks nothing: they may hold NUL and need not be UTF-8.
///
/// A string that came out of a message shares the message's bytes, which live as long as the string does. Thread-safe.
public struct LuaString: Sendable {
    private let storage: [UInt8]
    private let start: Int
    /// How many bytes; what `#s` is in Lua.
    public let count: Int

    /// The bytes of `bytes`.
    public init(bytes: [UInt8]) {
        storage = bytes
        start = 0
        count = bytes.count
    }

    /// The bytes of any sequence of bytes.
    public init(bytes: some Sequence<UInt8>) {
        self.init(bytes: [UInt8](bytes))
    }

    /// The UTF-8 of `text`.
    public init(_ text: String) {
        self.init(bytes: [UInt8](text.utf8))
    }

    /// Bytes `offset..<offset + count` of a message, which must hold them.
    package init(sharing message: [UInt8], offset: Int, count: Int) {
        storage = message
        start = offset
        self.count = count
    }

    /// Whether there is no byte.
    public var isEmpty: Bool { count == 0 }

    /// A copy of the bytes. O(n), except for a string that was made of an array of bytes.
    public var bytes: [UInt8] {
        start == 0 && count == storage.count ? storage : withUnsafeBytes { [UInt8]($0) }
    }

    /// Calls `body` with the bytes, which are valid until it returns.
    public func withUnsafeBytes<R, E: Error>(_ body: (UnsafeRawBufferPointer) throws(E) -> R) throws(E) -> R {
        var result: Result<R, E>?
        storage.withUnsafeBytes { all in
            let part = UnsafeRawBufferPointer(rebasing: all[start..<(start + count)])
            do throws(E) { result = .success(try body(part)) } catch { result = .failure(error) }
        }
        return try result!.get()  // set in the closure, which withUnsafeBytes always calls
    }
}

extension LuaString: Hashable {
    /// Whether both have the same bytes.
    public static func == (left: LuaString, right: LuaString) -> Bool {
        left.count == right.count
            && left.withUnsafeBytes { left in right.withUnsafeBytes { ValueHash.equal(left, $0) } }
    }

    public func hash(into hasher: inout Hasher) {
        withUnsafeBytes { hasher.combine(bytes: $0) }
    }
}

extension LuaString: Comparable {
    /// Byte by byte, as Lua compares in the C locale.
    public static func < (left: LuaString, right: LuaString) -> Bool {
        left.withUnsafeBytes { left in right.withUnsafeBytes { left.lexicographicallyPrecedes($0) } }
    }
}

extension LuaString: ExpressibleByStringLiteral {
    /// The UTF-8 of the literal.
    public init(stringLiteral value: String) {
        self.init(value)
    }
}

extension LuaString: CustomStringConvertible, CustomDebugStringConvertible {
    /// The bytes as text, where they are no UTF-8 with U+FFFD.
    public var description: String { String(lossy: self) }

    /// A Lua literal, cut after 1,000 bytes.
    public var debugDescription: String { LuaText.quoted(self, limit: 1_000) }
}

extension String {
    /// The text of a Lua string; nil unless its bytes are valid UTF-8.
    public init?(_ string: LuaString) {
        guard let text = string.withUnsafeBytes({ LuaText.text($0) }) else { return nil }
        self = text
    }

    /// The text of a Lua string, with U+FFFD for what is no UTF-8.
    public init(lossy string: LuaString) {
        self = string.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
    }
}
