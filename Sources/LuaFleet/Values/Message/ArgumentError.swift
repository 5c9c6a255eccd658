// Which argument cannot be sent, and why.

import LuaFleetWire

/// An argument that has no meaning in Lua. Describes itself as `2: .items[0].id: 18446744073709551615 does not fit …`.
package struct ArgumentError: Error, CustomStringConvertible {
    /// From 1.
    package let position: Int
    /// What its `encode(to:)` threw; mostly an `EncodingError`.
    package let underlying: any Error

    package var description: String {
        guard case EncodingError.invalidValue(_, let context) = underlying else { return "\(position): \(underlying)" }
        let path = context.codingPath.map { key in key.intValue.map { "[\($0)]" } ?? ".\(key.stringValue)" }.joined()
        return "\(position): \(path.isEmpty ? "" : path + ": ")\(context.debugDescription)"
    }
}
