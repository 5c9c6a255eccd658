// How values of a type are encoded and decoded, found out once for each type of the process.

import Synchronization

/// What the codec does with a type that is no scalar.
struct WireKind: @unchecked Sendable {  // metatypes only, which do not change
    enum Category {
        /// ``LuaTable``.
        case table
        /// A collection of bytes, such as Foundation's `Data`: one string.
        case bytes
        /// Foundation's `Date`: seconds since 1970.
        case date
        /// A collection of the standard library, or it encodes and decodes itself.
        case other
    }

    let category: Category
    /// Set if the encoder walks it itself.
    let encodable: (any WireDirectlyEncodable.Type)?
    /// Set if the decoder fills it itself.
    let decodable: (any WireDirectlyDecodable.Type)?
    /// Set for ``Category/bytes``.
    let bytes: (any RangeReplaceableCollection<UInt8>.Type)?

    private static let known = Mutex<[ObjectIdentifier: WireKind]>([:])

    /// Looks a type up. The casts that find it out the first time cost about a microsecond.
    static func of(_ type: Any.Type) -> WireKind {
        let id = ObjectIdentifier(type)
        if let kind = known.withLock({ $0[id] }) { return kind }
        let kind = WireKind(type)
        known.withLock { $0[id] = kind }
        return kind
    }

    private init(_ type: Any.Type) {
        encodable = type as? any WireDirectlyEncodable.Type
        decodable = type as? any WireDirectlyDecodable.Type
        bytes = type as? any RangeReplaceableCollection<UInt8>.Type
        // By name, since nothing here imports Foundation.
        let name = _typeName(type, qualified: true)
        if type == LuaTable.self {
            category = .table
        } else if bytes != nil {
            category = .bytes
        } else if name == "Foundation.Date" || name == "FoundationEssentials.Date" {
            category = .date
        } else {
            category = .other
        }
    }
}

/// The kinds of the types met last: a message has few types and many values.
struct WireKindCache {
    private var lastID: ObjectIdentifier?
    private var last: WireKind?
    private var others: [ObjectIdentifier: WireKind] = [:]

    @inline(__always) mutating func kind(of type: Any.Type) -> WireKind {
        let id = ObjectIdentifier(type)
        if let last, lastID == id { return last }
        return other(type, id)
    }

    @inline(never) private mutating func other(_ type: Any.Type, _ id: ObjectIdentifier) -> WireKind {
        let kind = others[id] ?? WireKind.of(type)
        others[id] = kind
        last = kind
        lastID = id
        return kind
    }
}
