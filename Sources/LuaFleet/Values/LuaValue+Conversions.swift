// Values as Swift's own types, where they are those.

extension LuaValue {
    /// Whether this is Lua's nil. False for ``null``.
    public var isNil: Bool {
        if case .nil = self { true } else { false }
    }

    /// The boolean; nil for any other value. Nothing is converted.
    public var bool: Bool? {
        if case .boolean(let value) = self { value } else { nil }
    }

    /// The integer, or a float with an integral value, as Lua converts it; else nil.
    public var int: Int? { int64.flatMap { Int(exactly: $0) } }

    /// The integer, or a float with an integral value, as Lua converts it; else nil.
    public var int64: Int64? {
        switch self {
        case .integer(let value): value
        case .number(let value): Int64(exactly: value)
        default: nil
        }
    }

    /// The number as a float. A large integer is rounded, as Lua does it. Nil for any other value.
    public var double: Double? {
        switch self {
        case .integer(let value): Double(value)
        case .number(let value): value
        default: nil
        }
    }

    /// The string as text; nil for any other value, and when the bytes are not valid UTF-8.
    public var string: String? {
        if case .string(let value) = self { String(value) } else { nil }
    }

    /// The bytes of the string; nil for any other value.
    public var bytes: [UInt8]? {
        if case .string(let value) = self { value.bytes } else { nil }
    }

    /// The string as it is; nil for any other value.
    public var luaString: LuaString? {
        if case .string(let value) = self { value } else { nil }
    }

    /// The table; nil for any other value.
    public var table: LuaTable? {
        if case .table(let value) = self { value } else { nil }
    }

    /// The elements of a table whose keys are 1…n; nil for any other value.
    public var array: [LuaValue]? { table?.array }

    /// The entries of a table whose keys are all strings of valid UTF-8; nil for any other value.
    public var dictionary: [String: LuaValue]? {
        guard let table else { return nil }
        var entries: [String: LuaValue] = [:]
        for (key, value) in table {
            guard let key = key.string else { return nil }
            entries[key] = value
        }
        return entries
    }

    /// What Lua's `if` makes of it: false for nil and `false`, true for everything else.
    public var isTruthy: Bool {
        switch self {
        case .nil, .boolean(false): false
        default: true
        }
    }
}
