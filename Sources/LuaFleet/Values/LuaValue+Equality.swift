// When two values are equal, without recursion and with cycles.

extension LuaValue: Hashable {
    /// Whether both are equal, tables by what is in them.
    ///
    /// An integer and a float are never equal. NaN equals NaN, so that a value equals itself; 0.0 equals -0.0. Entries
    /// whose keys are tables, functions or objects are compared in their order. Cycles are equal when no way through both tells them apart.
    public static func == (left: LuaValue, right: LuaValue) -> Bool {
        var comparison = LuaComparison()
        return comparison.equal(left, right)
    }

    /// O(1): of a table only that it is one.
    public func hash(into hasher: inout Hasher) {
        switch self {
        case .nil: hasher.combine(0 as UInt8)
        case .null: hasher.combine(1 as UInt8)
        case .boolean(let value): hasher.combine(value)
        case .integer(let value): hasher.combine(value)
        case .number(let value): hasher.combine(value.isNaN ? .nan : value)
        case .string(let value): hasher.combine(value)
        case .table: hasher.combine(2 as UInt8)
        case .handle(let value): hasher.combine(value)
        case .function: hasher.combine(3 as UInt8)
        case .object(let value): hasher.combine(value)
        }
    }
}

extension LuaTable: Hashable {
    /// Whether both have equal entries: see ``LuaValue``.
    public static func == (left: LuaTable, right: LuaTable) -> Bool {
        LuaValue.table(left) == LuaValue.table(right)
    }

    public func hash(into hasher: inout Hasher) {
        LuaValue.table(self).hash(into: &hasher)
    }
}

/// One comparison of two values: what is still to compare, and which pairs are being compared already.
private struct LuaComparison {
    private struct Pair: Hashable {
        let left: Identity
        let right: Identity
    }

    private struct Identity: Hashable {
        let owner: ObjectIdentifier
        let node: UInt32
    }

    private var pending: [(LuaValue, LuaValue)] = []
    private var seen: Set<Pair> = []

    mutating func equal(_ left: LuaValue, _ right: LuaValue) -> Bool {
        pending.append((left, right))
        while let (left, right) = pending.popLast() {
            guard equalOutside(left, right) else { return false }
        }
        return true
    }

    /// Compares what is not in tables; leaves what is in them in `pending`.
    private mutating func equalOutside(_ left: LuaValue, _ right: LuaValue) -> Bool {
        switch (left, right) {
        case (.nil, .nil), (.null, .null): true
        case (.boolean(let left), .boolean(let right)): left == right
        case (.integer(let left), .integer(let right)): left == right
        case (.number(let left), .number(let right)): left == right || (left.isNaN && right.isNaN)
        case (.string(let left), .string(let right)): left == right
        case (.handle(let left), .handle(let right)): left == right
        case (.function(let left), .function(let right)): equal(left.graph, left.node, right.graph, right.node)
        case (.object(let left), .object(let right)): equal(left.graph, left.node, right.graph, right.node)
        case (.table(let left), .table(let right)): equal(left, right)
        default: false
        }
    }

    /// Compares functions and objects: by kind and content.
    private mutating func equal(
        _ left: ValueGraph, _ leftNode: UInt32, _ right: ValueGraph, _ rightNode: UInt32
    ) -> Bool {
        if left === right && leftNode == rightNode { return true }
        let (leftContent, rightContent) = (left.nodes[Int(leftNode)], right.nodes[Int(rightNode)])
        guard leftContent.kind == rightContent.kind, leftContent.arrayCount == rightContent.arrayCount else {
            return false
        }
        let pair = Pair(
            left: Identity(owner: ObjectIdentifier(left), node: leftNode),
            right: Identity(owner: ObjectIdentifier(right), node: rightNode))
        guard seen.insert(pair).inserted else { return true }
        for position in 0..<Int(leftContent.arrayCount) {
            pending.append((left.content(of: leftNode, at: position), right.content(of: rightNode, at: position)))
        }
        return true
    }

    private mutating func equal(_ left: LuaTable, _ right: LuaTable) -> Bool {
        if left.isIdentical(to: right) { return true }
        let pair = Pair(left: identity(left), right: identity(right))
        guard seen.insert(pair).inserted else { return true }
        guard left.count == right.count else { return false }
        var others: [(LuaValue, LuaValue)] = []
        for (key, value) in left {
            if key.isKeyByIdentity {
                others.append((key, value))
                continue
            }
            let other = right[key]
            if other.isNil { return false }
            pending.append((value, other))
        }
        guard !others.isEmpty else { return true }
        let matching = right.filter { $0.key.isKeyByIdentity }
        guard matching.count == others.count else { return false }
        for (left, right) in zip(others, matching) {
            pending.append((left.0, right.key))
            pending.append((left.1, right.value))
        }
        return true
    }

    private func identity(_ table: LuaTable) -> Identity {
        switch table.storage {
        case .decoded(let graph, let node): Identity(owner: ObjectIdentifier(graph), node: node)
        case .built(let table): Identity(owner: ObjectIdentifier(table), node: 0)
        }
    }
}

extension LuaValue {
    /// Whether it is a key by being this very table, function or object.
    var isKeyByIdentity: Bool {
        switch self {
        case .table, .function, .object: true
        default: false
        }
    }
}
