// What a value says about a shared object: which kind, which one.

import LuaFleetWire

/// Names a shared object of the host inside of a value, and keeps it alive. Make the object of it by its type: `LuaQueue(handle)`.
public struct LuaHandle: Sendable {
    /// What the object is.
    package let kind: UInt32
    /// Which of the host's objects. At most Int64.max.
    package let id: UInt64
    /// nil: there is no such object any more.
    package let reference: SharedReference?

    package init(kind: UInt32, id: UInt64) {
        self.kind = kind
        self.id = min(id, UInt64(Int64.max))
        reference = SharedReference(SharedHandle(kind: kind, id: self.id))
    }

    package init(_ reference: SharedReference) {
        kind = reference.kind.rawValue
        id = reference.id
        self.reference = reference
    }
}

extension LuaHandle: Hashable {
    /// Whether both are of the same object.
    public static func == (left: LuaHandle, right: LuaHandle) -> Bool { left.kind == right.kind && left.id == right.id }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(kind)
        hasher.combine(id)
    }
}

extension LuaHandle: CustomStringConvertible {
    public var description: String { "handle: \(kind)/\(id)" }
}
