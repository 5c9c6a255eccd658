// Values from Swift literals and from Swift's own types.

extension LuaValue: ExpressibleByNilLiteral, ExpressibleByBooleanLiteral, ExpressibleByIntegerLiteral,
    ExpressibleByFloatLiteral, ExpressibleByStringLiteral, ExpressibleByStringInterpolation,
    ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
    /// `nil` is Lua's nil.
    public init(nilLiteral: ()) { self = .nil }
    public init(booleanLiteral value: Bool) { self = .boolean(value) }
    /// `1` is an integer.
    public init(integerLiteral value: Int64) { self = .integer(value) }
    /// `1.0` is a float.
    public init(floatLiteral value: Double) { self = .number(value) }
    public init(stringLiteral value: String) { self = .string(LuaString(value)) }
    /// `[a, b]` is a table with the keys 1 and 2.
    public init(arrayLiteral elements: LuaValue...) { self = .table(LuaTable(elements)) }
    /// `[a: b]` is a table with these keys; `[:]` is `{}`.
    public init(dictionaryLiteral elements: (LuaValue, LuaValue)...) { self = .table(LuaTable(entries: elements)) }
}

extension LuaValue {
    public init(_ value: Bool) { self = .boolean(value) }
    public init(_ value: Int) { self = .integer(Int64(value)) }
    public init(_ value: Double) { self = .number(value) }
    /// The UTF-8 of `value`.
    public init(_ value: String) { self = .string(LuaString(value)) }
    /// A string of these bytes.
    public init(bytes value: [UInt8]) { self = .string(LuaString(bytes: value)) }
    public init(_ value: LuaTable) { self = .table(value) }
    /// A table with `elements` at 1, 2, 3, …
    public init(_ elements: [LuaValue]) { self = .table(LuaTable(elements)) }
    /// A table with string keys, in the order of the keys.
    public init(_ entries: [String: LuaValue]) {
        let sorted = entries.sorted { $0.key < $1.key }
        self = .table(LuaTable(entries: sorted.map { (LuaValue($0.key), $0.value) }))
    }
    /// An integer, if it fits in 64 bits with sign; else nil.
    public init?(exactly value: some BinaryInteger) {
        guard let integer = Int64(exactly: value) else { return nil }
        self = .integer(integer)
    }
}
