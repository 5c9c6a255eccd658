// What keeps a shared object alive in the host: one reference, given back when it is dropped.
import LuaFleetCore
import LuaFleetWire
import Synchronization

/// Thread-safe.
package final class SharedReference: Sendable {
    let kind: SharedKind
    let id: SharedID
    /// Kept when it was found: every operation on a value or an array wants it, and the hub's lock takes longer than the operation.
    private let knownMapping = AtomicLazyReference<SharedMapping>()

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

    /// The object's memory; nil: it has none, or is gone.
    var mapping: SharedMapping? {
        if let known = knownMapping.load() { return known }
        return SharedHub.shared.mapping(of: id).map { knownMapping.storeIfNil($0) }
    }

    var handle: LuaHandle { LuaHandle(kind: kind.rawValue, id: id) }
}
