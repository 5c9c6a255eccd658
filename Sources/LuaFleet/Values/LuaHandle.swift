// What a value says about a shared object: which kind, which one.

/// Names a shared object of the host inside of a message. It does not keep the object alive.
public struct LuaHandle: Hashable, Sendable {
    /// What the object is.
    package let kind: UInt32
    /// Which of the host's objects. At most Int64.max.
    package let id: UInt64

    package init(kind: UInt32, id: UInt64) {
        self.kind = kind
        self.id = min(id, UInt64(Int64.max))
    }
}

extension LuaHandle: CustomStringConvertible {
    public var description: String { "handle: \(kind)/\(id)" }
}
