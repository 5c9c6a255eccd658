// Shared tables in Swift: dictionary, list and namespace of a manager.
import LuaFleetCore
import LuaFleetWire

/// A table of the host that all tasks see and change: what `Manager().dict()`, `list()` and `Namespace()` are in Python.
///
/// A table that is put into it becomes a shared table of its own, in place: what is changed in it anywhere is seen everywhere.
/// Each operation is atomic; ``update(_:budget:_:)`` makes one of reading and writing.
public struct SharedTable: LuaSharedObject {
    /// What its keys may be.
    public enum Kind: Sendable, Hashable {
        /// Strings, numbers, booleans.
        case dictionary
        /// 1 … count.
        case list
        /// Strings.
        case namespace

        fileprivate var wire: SharedKind {
            switch self {
            case .dictionary: .dictionary
            case .list: .list
            case .namespace: .namespace
            }
        }
    }

    public let handle: LuaHandle

    public init(_ handle: LuaHandle) throws(LuaFleetError) {
        self.handle = try handle.checked(.dictionary, .list, .namespace)
    }

    /// - Parameters:
    ///   - kind: default: a dictionary.
    ///   - initial: what it begins with: a table; default: nothing.
    ///   - name: default: none.
    public init(_ kind: Kind = .dictionary, initial: LuaValue = .nil, name: String? = nil) throws(LuaFleetError) {
        handle = try Self.create(kind.wire, try Self.creation(name, [initial]))[0]
    }

    /// The value of a key as an `R`; nil if there is none. A nested table is a ``SharedTable``.
    public func get<R: Decodable & Sendable>(_ key: LuaValue, as type: R.Type = R.self) throws -> R? {
        let answer = try ask(.tableGet, item: try Self.message([key]))
        let value: LuaValue = try answer.value()
        if case .nil = value { return nil }
        do {
            return try value.decode(R.self)
        } catch {
            throw LuaFleetError(
                code: .notDecodable, message: "\(self): the value is no \(R.self): \(LuaFleetError.describe(error))")
        }
    }

    /// Sets a key; nil removes it. Waits while an update of the table runs.
    public func set(_ key: LuaValue, _ value: (some Encodable & Sendable)?) async throws {
        let value = try value.map { try LuaValue(encoding: $0) } ?? .nil
        try await wait(.tableSet, timeout: nil, item: try Self.message([key, value]))
    }

    /// Adds to the end of a list, or before `position` (from 1).
    public func insert(_ value: some Encodable & Sendable, at position: Int? = nil) async throws {
        let item = try Self.message([.integer(Int64(position ?? 0)), try LuaValue(encoding: value)])
        try await wait(.tableInsert, timeout: nil, item: item)
    }

    /// Takes the last item out of a list, or the one at `position`; nil from an empty one.
    public func remove<R: Decodable & Sendable>(at position: Int? = nil, as type: R.Type = R.self) async throws -> R? {
        let answer = try await wait(
            .tableRemove, timeout: nil, item: try Self.message([.integer(Int64(position ?? 0))]))
        let value: LuaValue = try answer.value()
        if case .nil = value { return nil }
        return try value.decode(R.self)
    }

    public func removeAll() async throws { try await wait(.tableClear, timeout: nil) }

    /// What `#t` says in Lua: items of the list part; of a namespace all names.
    public var count: Int { get throws(LuaFleetError) { try ask(.tableCount).integer } }

    /// Keys and values as they are now.
    public var entries: [(key: LuaValue, value: LuaValue)] {
        get throws {
            let flat: LuaValue = try ask(.tableEntries).value()
            guard case .table(let table) = flat, let items = table.array else { return [] }
            return stride(from: 0, to: items.count - 1, by: 2).map { (items[$0], items[$0 + 1]) }
        }
    }

    /// Replaces the value of a key by what `change` makes of it. Nobody else writes to the table meanwhile.
    ///
    /// - Parameter budget: how long `change` may take; default 5 s. After that the others go on, and the change does not count.
    /// - Throws: what `change` throws, and then nothing has changed; ``LuaFleetError`` with code `sharedObject` past the budget.
    @discardableResult
    public func update(
        _ key: LuaValue, budget: Duration = .seconds(5), _ change: (LuaValue) throws -> LuaValue
    ) async throws -> LuaValue {
        let began = try await wait(.beginUpdate, timeout: budget, item: try Self.message([key]))
        if began.status == .timedOut { throw CancellationError() }
        let new: LuaValue
        do {
            new = try change(try began.value())
        } catch {
            try ask(.endUpdate, argument: 1)
            throw error
        }
        try ask(.endUpdate, item: try Self.message([key, new]))
        return new
    }

    private static func message(_ values: [LuaValue]) throws(LuaFleetError) -> SharedItem {
        do {
            let bytes = try LuaMessage.encode(arguments: values)
            return SharedItem(bytes: bytes, handles: bytes.withUnsafeBytes { SharedItem.handles(in: $0) })
        } catch {
            throw .notSent(error, to: .source("", name: "a shared table"))
        }
    }
}
