// A Lua table as a Swift value: an array part and other entries.

/// A Lua table.
///
/// A value: a copy does not change when the original does, and assigning to an entry changes only this one. Tables that came with one message keep
/// what they share, cycles included, as long as they are not changed: sent back, they are shared again. Thread-safe.
///
/// Keys are as in Lua: any value but nil and NaN, a float with an integral value is that integer. Tables, functions and objects are keys by
/// identity, as in Lua.
public struct LuaTable: Sendable {
    enum Storage: Sendable {
        /// A table of a message. Not changed.
        case decoded(ValueGraph, UInt32)
        /// A table made or changed in Swift. Changed only while nobody else holds it.
        case built(BuiltTable)
    }

    var storage: Storage

    /// An empty table.
    public init() {
        storage = .built(BuiltTable())
    }

    init(graph: ValueGraph, node: UInt32) {
        storage = .decoded(graph, node)
    }

    /// A table with `elements` at 1, 2, 3, …
    ///
    /// A nil among them is a hole, which Lua's `#` does not step over; ``LuaValue/null`` keeps its place.
    public init(_ elements: some Sequence<LuaValue>) {
        storage = .built(BuiltTable(array: Array(elements)))
    }

    /// A table with these entries. A key that stands twice: the last one counts. A key that is nil or NaN, or a value that
    /// is nil: no entry.
    public init(entries: [(LuaValue, LuaValue)]) {
        let table = BuiltTable()
        for (key, value) in entries { table.set(key, value) }
        storage = .built(table)
    }

    /// The value of a key; nil when there is none. Assigning nil removes the entry; assigning to a key that is nil or NaN
    /// does nothing. O(1), but the first change of a table that is held elsewhere, or came with a message, copies it.
    public subscript(key: LuaValue) -> LuaValue {
        get {
            switch storage {
            case .decoded(let graph, let node): graph.lookup(key, in: node)
            case .built(let table): table.get(key)
            }
        }
        set { change { $0.set(key, newValue) } }
        _modify {
            var value = self[key]
            // Takes the value out, so that it is not held twice while it is changed.
            if case .table = value { change { $0.release(key) } }
            defer { change { $0.set(key, value) } }
            yield &value
        }
    }

    /// The value at a position, from 1 as in Lua.
    public subscript(position: Int) -> LuaValue {
        get { self[LuaValue.integer(Int64(position))] }
        _modify { yield &self[LuaValue.integer(Int64(position))] }
    }

    /// The value of a string key.
    public subscript(name: String) -> LuaValue {
        get { self[LuaValue.string(LuaString(name))] }
        _modify { yield &self[LuaValue.string(LuaString(name))] }
    }

    /// Adds a value behind the array part.
    public mutating func append(_ value: LuaValue) {
        self[length + 1] = value
    }

    /// Changes the table, having made sure that nobody else sees it.
    private mutating func change(_ body: (BuiltTable) -> Void) {
        var table = takeBuilt()
        if !isKnownUniquelyReferenced(&table) { table = BuiltTable(copyOf: table) }
        body(table)
        storage = .built(table)
    }

    /// The table's own storage, which this value then does not hold any more.
    private mutating func takeBuilt() -> BuiltTable {
        switch storage {
        case .decoded(let graph, let node): return BuiltTable(copyOf: node, in: graph)
        case .built(let table):
            storage = .decoded(.empty, 0)
            return table
        }
    }

    /// Whether both are one table, so that a change of one would be a change of the other if they were in Lua.
    func isIdentical(to other: LuaTable) -> Bool {
        switch (storage, other.storage) {
        case (.decoded(let left, let leftNode), .decoded(let right, let rightNode)):
            left === right && leftNode == rightNode
        case (.built(let left), .built(let right)): left === right
        default: false
        }
    }
}
