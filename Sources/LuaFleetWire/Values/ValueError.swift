// What is wrong with the bytes of a value, and where.

/// A message that is not well-formed, holds what LuaFleet does not know, or is over a limit.
package struct ValueError: Error, Hashable, Sendable {
    /// The closed set of things that can be wrong.
    package enum Code: Hashable, Sendable {
        /// The bytes end before the value does, or a declared length is beyond the bytes that are left.
        case truncated
        /// Not CBOR, or CBOR that ValuesOnTheWire does not allow at this place.
        case malformed
        /// A tag that is not one of ``ValueTag``.
        case unsupportedTag(UInt64)
        /// A simple value other than false, true, null and undefined.
        case unsupportedSimple(UInt8)
        /// An integer outside of Int64.
        case integerRange
        /// More bytes than ``ValueLimits/bytes``; holds the limit.
        case limitBytes(Int)
        /// More items than ``ValueLimits/elements``; holds the limit.
        case limitElements(Int)
        /// More levels of tables than ``ValueLimits/depth``; holds the limit.
        case limitDepth(Int)
    }

    package var code: Code
    /// The byte of the message at which it was noticed, from 0.
    package var offset: Int

    @inlinable package init(_ code: Code, at offset: Int) {
        self.code = code
        self.offset = offset
    }

    /// Whether a limit was met, rather than the bytes being wrong.
    package var isLimit: Bool {
        switch code {
        case .limitBytes, .limitElements, .limitDepth: true
        default: false
        }
    }
}

extension ValueError: CustomStringConvertible {
    package var description: String {
        switch code {
        case .truncated: "value ends too early at byte \(offset)"
        case .malformed: "malformed value at byte \(offset)"
        case .unsupportedTag(let tag): "unknown tag \(tag) at byte \(offset)"
        case .unsupportedSimple(let value): "unknown simple value \(value) at byte \(offset)"
        case .integerRange: "integer outside of 64 bits, signed, at byte \(offset)"
        case .limitBytes(let limit): "value has more than \(limit) bytes"
        case .limitElements(let limit): "value has more than \(limit) elements"
        case .limitDepth(let limit): "value has more than \(limit) levels of tables"
        }
    }
}
