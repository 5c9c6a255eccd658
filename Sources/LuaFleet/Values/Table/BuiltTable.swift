// The storage of a table that was made or changed in Swift.

/// Not thread-safe by itself: ``LuaTable`` changes it only while it holds the only reference.
final class BuiltTable: @unchecked Sendable {  // changed only while uniquely referenced: LuaTable.change
    private(set) var array: [LuaValue] = []
    /// In the order in which they were added, but that a removal moves the last one.
    private(set) var entries: [(key: LuaValue, value: LuaValue)] = []
    private var places: [LuaKey: Int] = [:]

    init() {}

    init(array: [LuaValue]) {
        self.array = array
    }

    init(copyOf other: BuiltTable) {
        array = other.array
        entries = other.entries
        places = other.places
    }

    init(copyOf node: UInt32, in graph: ValueGraph) {
        let table = graph.nodes[Int(node)]
        array.reserveCapacity(Int(table.arrayCount))
        for position in 0..<Int(table.arrayCount) {
            array.append(graph.value(graph.slots[Int(table.arrayStart) + position]))
        }
        for number in 0..<Int(table.entryCount) {
            let place = Int(table.entryStart) + number * 2
            add(graph.value(graph.slots[place]), graph.value(graph.slots[place + 1]))
        }
    }

    deinit {
        // A deep table would otherwise end its inner ones by recursion, and overflow the stack.
        guard holdsTables else { return }
        var pending: [BuiltTable] = []
        moveTables(to: &pending)
        while var table = pending.popLast() {
            if isKnownUniquelyReferenced(&table) { table.moveTables(to: &pending) }
        }
    }

    private var holdsTables: Bool {
        array.contains { $0.builtTable != nil }
            || entries.contains { $0.value.builtTable != nil || $0.key.builtTable != nil }
    }

    private func moveTables(to pending: inout [BuiltTable]) {
        for value in array { if let table = value.builtTable { pending.append(table) } }
        for (key, value) in entries {
            if let table = key.builtTable { pending.append(table) }
            if let table = value.builtTable { pending.append(table) }
        }
        array = []
        entries = []
        places = [:]
    }

    func get(_ key: LuaValue) -> LuaValue {
        guard let key = LuaKey(key) else { return .nil }
        if case .integer(let position) = key.value, position >= 1, position <= array.count {
            return array[Int(position) - 1]
        }
        guard let place = places[key] else { return .nil }
        return entries[place].value
    }

    func set(_ key: LuaValue, _ value: LuaValue) {
        guard let key = LuaKey(key) else { return }
        if case .integer(let position) = key.value, position >= 1, position <= Int64(array.count) + 1 {
            setPosition(Int(position), value)
        } else if let place = places[key] {
            if value.isNil { remove(key, at: place) } else { entries[place].value = value }
        } else if !value.isNil {
            add(key.value, value)
        }
    }

    /// Lets go of the value of a key whose entry is about to be set again.
    func release(_ key: LuaValue) {
        guard let key = LuaKey(key) else { return }
        if case .integer(let position) = key.value, position >= 1, position <= array.count {
            array[Int(position) - 1] = .null
        } else if let place = places[key] {
            entries[place].value = .null
        }
    }

    private func add(_ key: LuaValue, _ value: LuaValue) {
        guard let known = LuaKey(key) else { return }
        places[known] = entries.count
        entries.append((key, value))
    }

    private func remove(_ key: LuaKey, at place: Int) {
        places[key] = nil
        let last = entries.removeLast()
        guard place < entries.count else { return }
        entries[place] = last
        if let moved = LuaKey(last.key) { places[moved] = place }
    }

    private func setPosition(_ position: Int, _ value: LuaValue) {
        if position <= array.count {
            array[position - 1] = value
            while let last = array.last, last.isNil { array.removeLast() }
            return
        }
        guard !value.isNil else { return }
        array.append(value)
        // Entries that now continue the array part belong to it.
        while !places.isEmpty {
            let key = LuaKey(integer: Int64(array.count) + 1)
            guard let place = places[key] else { return }
            array.append(entries[place].value)
            remove(key, at: place)
        }
    }
}

/// A value as a key, compared as Lua compares keys: tables, functions and objects by identity.
struct LuaKey: Hashable {
    let value: LuaValue

    /// nil for nil and NaN, which are no keys.
    init?(_ value: LuaValue) {
        switch value {
        case .nil: return nil
        case .number(let number):
            if number.isNaN { return nil }
            self.value = Int64(exactly: number).map { .integer($0) } ?? value
        default: self.value = value
        }
    }

    init(integer: Int64) {
        value = .integer(integer)
    }

    static func == (left: LuaKey, right: LuaKey) -> Bool {
        switch (left.value, right.value) {
        case (.table(let left), .table(let right)): left.isIdentical(to: right)
        case (.function(let left), .function(let right)): left.graph === right.graph && left.node == right.node
        case (.object(let left), .object(let right)): left.graph === right.graph && left.node == right.node
        case (.integer(let left), .integer(let right)): left == right
        case (.number(let left), .number(let right)): left == right
        case (.string(let left), .string(let right)): left == right
        case (.boolean(let left), .boolean(let right)): left == right
        case (.handle(let left), .handle(let right)): left == right
        case (.null, .null): true
        default: false
        }
    }

    func hash(into hasher: inout Hasher) {
        switch value {
        case .table(let table):
            switch table.storage {
            case .decoded(let graph, let node):
                hasher.combine(ObjectIdentifier(graph))
                hasher.combine(node)
            case .built(let table): hasher.combine(ObjectIdentifier(table))
            }
        case .function(let function): hasher.combine(function.node)
        case .object(let object): hasher.combine(object.node)
        default: value.hash(into: &hasher)
        }
    }
}

extension LuaValue {
    /// The storage of a table that was made in Swift.
    var builtTable: BuiltTable? {
        guard case .table(let table) = self, case .built(let storage) = table.storage else { return nil }
        return storage
    }
}
