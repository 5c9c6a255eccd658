// JSON as a value (RFC 8259), for inputs of --json and results of --json-output. No Foundation: it would cost 2 ms of every start.

/// Integers stay distinct from floats, as in Lua; strings are bytes, objects keep the order of their members.
indirect enum JSONValue: Equatable, Sendable {
    case null
    case boolean(Bool)
    case integer(Int64)
    case number(Double)
    case string(Bytes)
    case array([JSONValue])
    case object([Member])

    struct Member: Equatable, Sendable {
        var name: Bytes
        var value: JSONValue
    }
}
