// JSON text of values and values of JSON text: RFC 8259.

/// What values are in JSON, both ways.
///
/// | Lua | JSON |
/// |---|---|
/// | nil, fleet.null | `null` |
/// | integer | a number without fraction: `1` |
/// | float | the shortest number that is the same float: `1.0`, `0.1`, `1e+300`; not finite: `"nan"`, `"inf"`, `"-inf"` |
/// | string | a string; one that is not UTF-8: `{"base64":"/wA="}` |
/// | table with the keys 1…n, and `{}` | an array; holes are `null` |
/// | any other table | an object; a key that is no string as the text `print` writes |
/// | table inside of itself | the string `"<cycle>"` |
/// | handle, function, object | the text `print` writes, as a string |
///
/// Objects have their members in the order of the table's entries, those of the array part first.
package enum LuaJSON {
    /// JSON text of a value, without spaces or line ends. Iterative. A shared table is written wherever it stands.
    ///
    /// - Throws: ``TooLong`` when the text has more than `limit` bytes, as the text of few shared tables can.
    package static func text(_ value: LuaValue, limit: Int = 256 << 20) throws(TooLong) -> [UInt8] {
        var writer = LuaJSONWriter(limit: limit)
        try writer.write(value)
        return writer.bytes
    }

    /// The value of JSON text. `null` is ``LuaValue/null``; a number without fraction and exponent is an integer, or a float when it is
    /// beyond 64 bits; `-0` is the float.
    ///
    /// - Throws: ``Malformed`` naming line and offset; more than `depth` levels are malformed too.
    package static func value(_ text: some Sequence<UInt8>, depth: Int = 1_000) throws(Malformed) -> LuaValue {
        var parser = LuaJSONParser(bytes: [UInt8](text), maximumDepth: depth)
        return try parser.parse()
    }

    /// The value of JSON text.
    package static func value(_ text: String, depth: Int = 1_000) throws(Malformed) -> LuaValue {
        try value(Array(text.utf8), depth: depth)
    }

    /// The text would be longer than was allowed.
    package struct TooLong: Error, Hashable, CustomStringConvertible {
        package let limit: Int
        package var description: String { "the JSON text has more than \(limit) bytes" }
    }

    /// Text that is not JSON.
    package struct Malformed: Error, Hashable, CustomStringConvertible {
        package let message: String
        /// From 1.
        package let line: Int
        /// The byte of the whole text, from 0.
        package let offset: Int
        package var description: String { "line \(line), offset \(offset): \(message)" }
    }
}
