// Reading a table: its length, its pairs in order.

extension LuaTable {
    /// What `#t` is in Lua: how many elements stand at 1, 2, 3, … without the nils at their end.
    public var length: Int {
        switch storage {
        case .built(let table): return table.array.count - table.array.reversed().prefix(while: \.isNil).count
        case .decoded(let graph, let node):
            let table = graph.nodes[Int(node)]
            var length = Int(table.arrayCount)
            while length > 0, graph.slots[Int(table.arrayStart) + length - 1].kind == .nil { length -= 1 }
            return length
        }
    }

    /// How many pairs of key and value. O(n).
    public var count: Int {
        var count = entryCount
        for position in 0..<arrayCount where !element(position).isNil { count += 1 }
        return count
    }

    /// Whether there is no entry.
    public var isEmpty: Bool { entryCount == 0 && length == 0 }

    /// The elements at 1, 2, 3, …; nil when there are other keys or a hole.
    public var array: [LuaValue]? {
        guard entryCount == 0 else { return nil }
        let length = length
        var elements: [LuaValue] = []
        elements.reserveCapacity(length)
        for position in 0..<length {
            let value = element(position)
            if value.isNil { return nil }
            elements.append(value)
        }
        return elements
    }

    /// How many slots the array part has, holes included.
    var arrayCount: Int {
        switch storage {
        case .decoded(let graph, let node): Int(graph.nodes[Int(node)].arrayCount)
        case .built(let table): table.array.count
        }
    }

    /// How many pairs stand beside the array part.
    var entryCount: Int {
        switch storage {
        case .decoded(let graph, let node): Int(graph.nodes[Int(node)].entryCount)
        case .built(let table): table.entries.count
        }
    }

    /// Slot `position` of the array part, from 0; less than ``arrayCount``.
    func element(_ position: Int) -> LuaValue {
        switch storage {
        case .decoded(let graph, let node):
            graph.value(graph.slots[Int(graph.nodes[Int(node)].arrayStart) + position])
        case .built(let table): table.array[position]
        }
    }

    /// Entry `number` beside the array part, from 0; less than ``entryCount``.
    func entry(_ number: Int) -> (key: LuaValue, value: LuaValue) {
        switch storage {
        case .decoded(let graph, let node):
            let place = Int(graph.nodes[Int(node)].entryStart) + number * 2
            return (graph.value(graph.slots[place]), graph.value(graph.slots[place + 1]))
        case .built(let table): return table.entries[number]
        }
    }
}

extension LuaTable: Sequence {
    /// Goes through the pairs: the array part from 1 on, then the other entries as they came.
    public struct Iterator: IteratorProtocol {
        private let table: LuaTable
        private var position = 0

        fileprivate init(_ table: LuaTable) {
            self.table = table
        }

        /// The next key and value.
        public mutating func next() -> (key: LuaValue, value: LuaValue)? {
            let arrayCount = table.arrayCount
            while position < arrayCount {
                let value = table.element(position)
                position += 1
                if !value.isNil { return (.integer(Int64(position)), value) }
            }
            let number = position - arrayCount
            guard number < table.entryCount else { return nil }
            position += 1
            return table.entry(number)
        }
    }

    public func makeIterator() -> Iterator { Iterator(self) }

    public var underestimatedCount: Int { entryCount }
}

extension LuaTable: ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral {
    /// Elements at 1, 2, 3, …
    public init(arrayLiteral elements: LuaValue...) {
        self.init(elements)
    }

    /// Entries with any keys.
    public init(dictionaryLiteral elements: (LuaValue, LuaValue)...) {
        self.init(entries: elements)
    }
}

extension LuaTable: CustomStringConvertible, CustomDebugStringConvertible {
    /// Looks like a Lua constructor; cut where it is long or deep.
    public var description: String { LuaText.constructor(.table(self)) }
    public var debugDescription: String { description }
}
