// What keeps a shared object alive in the host: one reference, given back when it is dropped.
import LuaFleetCore
import LuaFleetWire

/// Thread-safe.
package final class SharedReference: Sendable {
    let kind: SharedKind
    let id: SharedID

    /// Takes over a reference that the host already has.
    init(adopting kind: SharedKind, _ id: SharedID) {
        self.kind = kind
        self.id = id
    }

    /// nil: there is no such object, or no such kind.
    init?(_ handle: SharedHandle) {
        guard let kind = SharedKind(rawValue: handle.kind), SharedHub.shared.retain(handle.id, for: .host) else {
            return nil
        }
        self.kind = kind
        id = handle.id
    }

    deinit {
        SharedHub.shared.release(id)
    }

    var handle: LuaHandle { LuaHandle(kind: kind.rawValue, id: id) }
}
