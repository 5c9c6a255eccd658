// Values as text: as Lua's `print` writes them, and as a Lua constructor.

/// Text of values.
package enum LuaText {
    /// What `print` writes for a value.
    ///
    /// As Lua 5.4 on x86-64: floats as `%.14g`, with `.0` where they would look like an integer; `inf`, `-inf`, `nan`, `-nan`. Strings as they
    /// are, with U+FFFD where they are no UTF-8. A table has no address here and becomes `table: 3 entries`.
    package static func printed(_ value: LuaValue) -> String {
        switch value {
        case .nil: "nil"
        case .null: "fleet.null"
        case .boolean(let value): value ? "true" : "false"
        case .integer(let value): "\(value)"
        case .number(let value): float(value)
        case .string(let value): String(lossy: value)
        case .table(let table):
            switch table.count {
            case 0: "table: empty"
            case 1: "table: 1 entry"
            case let count: "table: \(count) entries"
            }
        case .handle(let handle): handle.description
        case .function(let function): function.libraryName.map { "function: builtin: \($0)" } ?? "function: Lua"
        case .object(let object): "object: \(object.typeName ?? "with a constructor")"
        }
    }

    /// The bytes that `print` writes for a value: those of ``printed(_:)``, but strings byte for byte.
    package static func printedBytes(_ value: LuaValue) -> [UInt8] {
        if case .string(let string) = value { string.bytes } else { Array(printed(value).utf8) }
    }
}
