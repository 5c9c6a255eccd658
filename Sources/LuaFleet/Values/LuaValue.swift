// Any value that crosses between Swift and Lua.

/// A value as Lua has it.
///
/// Integers and floats are distinct, strings are bytes, a table has any keys but nil and NaN. Values are values: a copy does not change
/// when the original does. Thread-safe.
///
/// ```swift
/// var settings: LuaValue = ["retries": 3, "hosts": ["a", "b"], "ratio": 0.5]
/// settings["hosts"][3] = "c"
/// let retries = settings["retries"].int    // 3
/// ```
public enum LuaValue: Sendable {
    /// Lua's `nil`: no value. As a value in a table: no entry.
    case `nil`
    /// `fleet.null`: a value that stands for "nothing" and, unlike nil, can be an element of a table.
    case null
    /// `true` or `false`.
    case boolean(Bool)
    /// A 64-bit integer.
    case integer(Int64)
    /// A float.
    case number(Double)
    /// A string of bytes.
    case string(LuaString)
    /// A table.
    case table(LuaTable)
    /// A shared object of the host.
    case handle(LuaHandle)
    /// A function, which Swift can only carry.
    case function(LuaFunction)
    /// An object of a registered type, which Swift can only carry.
    case object(LuaObject)

    /// What Lua's `type` says: `nil`, `boolean`, `number`, `string`, `table`, `userdata` or `function`.
    public var typeName: String {
        switch self {
        case .nil: "nil"
        case .boolean: "boolean"
        case .integer, .number: "number"
        case .string: "string"
        case .table, .object: "table"
        case .null, .handle: "userdata"
        case .function: "function"
        }
    }
}
