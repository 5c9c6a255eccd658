// Values to message bytes, without recursion.

import LuaFleetWire

extension LuaValue {
    /// Appends the value. Tables that their message shared are shared again; those made in Swift are written where they stand.
    ///
    /// - Throws: `ValueError` with a limit. The writer then holds half a value: abandon its message.
    package func encode(into writer: inout ValueWriter, depth: Int = 0) throws(ValueError) {
        writer.elements &+= 1
        switch self {
        case .nil: writer.null()
        case .null: writer.byte(ValueByte.undefined)
        case .boolean(let value): writer.boolean(value)
        case .integer(let value): writer.integer(value)
        case .number(let value): writer.double(value)
        case .string(let value): value.withUnsafeBytes { writer.string($0) }
        case .handle(let handle): ValueGraphEncoder.write(handle.kind, handle.id, into: &writer)
        case .table(let table):
            switch table.storage {
            case .decoded(let graph, let node):
                var encoder = ValueGraphEncoder(depth: depth)
                try encoder.encode(graph, node, into: &writer)
            case .built(let table):
                var encoder = ValueGraphEncoder(depth: depth)
                try encoder.encode(table, into: &writer)
            }
        case .function(let function):
            var encoder = ValueGraphEncoder(depth: depth)
            try encoder.encode(function.graph, function.node, into: &writer)
        case .object(let object):
            var encoder = ValueGraphEncoder(depth: depth)
            try encoder.encode(object.graph, object.node, into: &writer)
        }
    }
}

/// Writes one table and all that is in it.
struct ValueGraphEncoder {
    /// What is still to write of a container.
    private enum Frame {
        /// Slots of a graph up to `end`, then `entries` pairs from `entryStart` as a mixed map.
        case slots(ValueGraph, next: Int, end: Int, entryStart: Int, entries: Int, isTable: Bool)
        case array(BuiltTable, next: Int)
        /// `next` counts keys and values.
        case entries(BuiltTable, next: Int)
    }

    private var frames: [Frame] = []
    private var depth: Int

    init(depth: Int) {
        self.depth = depth
    }

    static func write(_ kind: UInt32, _ id: UInt64, into writer: inout ValueWriter) {
        writer.handleCount &+= 1
        writer.tag(ValueTag.handle)
        writer.array(count: 2)
        writer.head(ValueMajor.unsigned, UInt64(kind))
        writer.head(ValueMajor.unsigned, id)
    }

    mutating func encode(_ graph: ValueGraph, _ node: UInt32, into writer: inout ValueWriter) throws(ValueError) {
        try open(graph, node, into: &writer)
        try run(into: &writer)
    }

    mutating func encode(_ table: BuiltTable, into writer: inout ValueWriter) throws(ValueError) {
        try open(table, into: &writer)
        try run(into: &writer)
    }

    private mutating func enter(_ items: Int, _ writer: inout ValueWriter) throws(ValueError) {
        writer.elements &+= items
        depth += 1
        guard depth <= writer.limits.depth else {
            throw ValueError(.limitDepth(writer.limits.depth), at: writer.count &- writer.messageStart)
        }
        try writer.checkLimits()
    }

    /// Writes what stands before the inside of a node, and leaves its inside as a frame.
    private mutating func open(
        _ graph: ValueGraph, _ number: UInt32, into writer: inout ValueWriter
    ) throws(ValueError) {
        let node = graph.nodes[Int(number)]
        if node.isShared {
            if let known = writer.sharing.number(owner: graph, index: number) {
                writer.tag(ValueTag.reference)
                writer.head(ValueMajor.unsigned, known)
                return
            }
            writer.sharing.assignTable(owner: graph, index: number)
            writer.tag(ValueTag.shared)
        }
        let arrayStart = Int(node.arrayStart)
        let arrayCount = Int(node.arrayCount)
        let entryStart = Int(node.entryStart)
        let entries = Int(node.entryCount)
        switch node.kind {
        case .table:
            try enter(arrayCount + entries * 2, &writer)
            if arrayCount == 0 && entries > 0 {
                writer.map(count: entries)
                frames.append(
                    .slots(
                        graph, next: entryStart, end: entryStart + entries * 2, entryStart: 0, entries: 0,
                        isTable: true))
                return
            }
            writer.array(count: entries > 0 ? arrayCount + 1 : arrayCount)
            frames.append(
                .slots(
                    graph, next: arrayStart, end: arrayStart + arrayCount, entryStart: entryStart, entries: entries,
                    isTable: true))
        case .libraryFunction:
            writer.tag(ValueTag.libraryFunction)
            write(graph.slots[arrayStart], of: graph, into: &writer)
        case .function, .object, .variable:
            if node.kind == .variable {
                if let known = writer.sharing.number(owner: graph, index: number) {
                    writer.head(ValueMajor.unsigned, known)
                    return
                }
                writer.sharing.assignVariable(owner: graph, index: number)
            } else {
                writer.tag(node.kind == .object ? ValueTag.object : ValueTag.function)
            }
            writer.elements &+= arrayCount
            writer.array(count: arrayCount)
            frames.append(
                .slots(
                    graph, next: arrayStart, end: arrayStart + arrayCount, entryStart: 0, entries: 0, isTable: false))
        }
    }

    private mutating func open(_ table: BuiltTable, into writer: inout ValueWriter) throws(ValueError) {
        try enter(table.array.count + table.entries.count * 2, &writer)
        if table.array.isEmpty && !table.entries.isEmpty {
            writer.map(count: table.entries.count)
            frames.append(.entries(table, next: 0))
        } else {
            writer.array(count: table.entries.isEmpty ? table.array.count : table.array.count + 1)
            frames.append(.array(table, next: 0))
        }
    }

    private mutating func run(into writer: inout ValueWriter) throws(ValueError) {
        while let frame = frames.popLast() {
            switch frame {
            case .slots(let graph, let next, let end, let entryStart, let entries, let isTable):
                var next = next
                let opened = try writeSlots(of: graph, from: &next, to: end, into: &writer) {
                    (encoder: inout Self, next) in
                    encoder.frames.append(
                        .slots(
                            graph, next: next, end: end, entryStart: entryStart, entries: entries, isTable: isTable))
                }
                if opened { continue }
                if entries > 0 {
                    writer.tag(ValueTag.mixed)
                    writer.map(count: entries)
                    frames.append(
                        .slots(
                            graph, next: entryStart, end: entryStart + entries * 2, entryStart: 0, entries: 0,
                            isTable: isTable))
                } else if isTable {
                    depth -= 1
                }
            case .array(let table, let next): try writeArray(of: table, from: next, into: &writer)
            case .entries(let table, let next): try writeEntries(of: table, from: next, into: &writer)
            }
        }
        try writer.checkLimits()
    }

    /// Writes slots until one opens a container; `suspend` then stores what is left. True when that happened.
    private mutating func writeSlots(
        of graph: ValueGraph, from next: inout Int, to end: Int, into writer: inout ValueWriter,
        suspend: (inout Self, Int) -> Void
    ) throws(ValueError) -> Bool {
        while next < end {
            let slot = graph.slots[next]
            next += 1
            if slot.kind == .node {
                suspend(&self, next)
                try open(graph, slot.node, into: &writer)
                return true
            }
            write(slot, of: graph, into: &writer)
        }
        return false
    }

    @inline(__always)
    private func write(_ slot: ValueSlot, of graph: ValueGraph, into writer: inout ValueWriter) {
        switch slot.kind {
        case .integer: writer.integer(slot.integer)
        case .number: writer.double(slot.double)
        case .string:
            graph.bytes.withUnsafeBytes {
                let start = Int(slot.payload)
                writer.string(UnsafeRawBufferPointer(rebasing: $0[start..<(start + Int(slot.extra))]))
            }
        case .nil: writer.null()
        case .null: writer.byte(ValueByte.undefined)
        case .false: writer.boolean(false)
        case .true: writer.boolean(true)
        case .handle: Self.write(slot.extra, slot.payload, into: &writer)
        case .node: break  // the caller opens it
        }
    }

    private mutating func writeArray(
        of table: BuiltTable, from start: Int, into writer: inout ValueWriter
    ) throws(ValueError) {
        for position in start..<table.array.count {
            if try writeValue(table.array[position], then: .array(table, next: position + 1), into: &writer) { return }
        }
        if table.entries.isEmpty {
            depth -= 1
        } else {
            writer.tag(ValueTag.mixed)
            writer.map(count: table.entries.count)
            frames.append(.entries(table, next: 0))
        }
    }

    private mutating func writeEntries(
        of table: BuiltTable, from start: Int, into writer: inout ValueWriter
    ) throws(ValueError) {
        for position in start..<(table.entries.count * 2) {
            let entry = table.entries[position >> 1]
            let value = position & 1 == 0 ? entry.key : entry.value
            if try writeValue(value, then: .entries(table, next: position + 1), into: &writer) { return }
        }
        depth -= 1
    }

    /// Writes a value, or opens it after storing `rest`. True when it was opened.
    @inline(__always)
    private mutating func writeValue(
        _ value: LuaValue, then rest: Frame, into writer: inout ValueWriter
    ) throws(ValueError) -> Bool {
        switch value {
        case .integer(let value): writer.integer(value)
        case .number(let value): writer.double(value)
        case .string(let value): value.withUnsafeBytes { writer.string($0) }
        case .nil: writer.null()
        case .null: writer.byte(ValueByte.undefined)
        case .boolean(let value): writer.boolean(value)
        case .handle(let handle): Self.write(handle.kind, handle.id, into: &writer)
        case .table(let table):
            frames.append(rest)
            switch table.storage {
            case .decoded(let graph, let node): try open(graph, node, into: &writer)
            case .built(let table): try open(table, into: &writer)
            }
            return true
        case .function(let function):
            frames.append(rest)
            try open(function.graph, function.node, into: &writer)
            return true
        case .object(let object):
            frames.append(rest)
            try open(object.graph, object.node, into: &writer)
            return true
        }
        return false
    }
}
