// All values of one decoded message, flat: tables refer to each other by number.

/// One value inside of a graph: 16 bytes without references.
package struct ValueSlot: BitwiseCopyable {
    package enum Kind: UInt8, BitwiseCopyable {
        case `nil`, null, `false`, `true`, integer, number
        /// `payload`: offset in the message's bytes; `extra`: length.
        case string
        /// `payload`: the node, of whatever kind.
        case node
        /// `payload`: the id; `extra`: the kind.
        case handle
    }

    package var payload: UInt64
    package var extra: UInt32
    package var kind: Kind

    @inline(__always) package init(_ kind: Kind, payload: UInt64 = 0, extra: UInt32 = 0) {
        self.payload = payload
        self.extra = extra
        self.kind = kind
    }

    @inline(__always) package var double: Double { Double(bitPattern: payload) }
    @inline(__always) package var integer: Int64 { Int64(bitPattern: payload) }
    @inline(__always) package var node: UInt32 { UInt32(truncatingIfNeeded: payload) }
}

/// One table, function, object or variable of a graph: where its slots are.
package struct ValueNode: BitwiseCopyable {
    package enum Kind: UInt8, BitwiseCopyable {
        case table, function, libraryFunction, object
        /// A variable of functions, which may share it; its content is its value.
        case variable
    }

    package var kind: Kind = .table
    /// Stood in a tag 28: is met more than once in its message.
    package var isShared = false
    /// log2 of the size of the index; 0: no index, so few entries that they are searched one by one.
    package var indexBits: UInt8 = 0
    package var indexStart: UInt32 = 0
    /// The array part: slots `arrayStart ..< arrayStart + arrayCount`. Of other kinds: their content.
    package var arrayStart: UInt32 = 0
    package var arrayCount: UInt32 = 0
    /// The other entries: `entryCount` pairs of slots, key and value, from `entryStart`.
    package var entryStart: UInt32 = 0
    package var entryCount: UInt32 = 0
}

/// The values of one decoded message.
///
/// Tables refer to each other by number inside of it, so that cycles leak nothing, a deep one ends without recursion, and a whole message costs few
/// allocations. Every ``LuaTable`` of it holds the graph. Immutable.
package final class ValueGraph: @unchecked Sendable {  // immutable after init
    package let bytes: [UInt8]
    /// Their numbers are checked when they are read, so these are plain memory.
    package let slots: UnsafePointer<ValueSlot>
    package let nodes: UnsafePointer<ValueNode>
    package let index: UnsafePointer<UInt32>
    /// Keep the shared objects whose handles stand in it.
    let references: [SharedReference]

    /// Takes over the memory.
    init(
        bytes: [UInt8], slots: consuming RawStack<ValueSlot>, nodes: consuming RawStack<ValueNode>,
        index: consuming RawStack<UInt32>, references: [SharedReference] = []
    ) {
        self.references = references
        self.bytes = bytes
        self.slots = slots.release()
        self.nodes = nodes.release()
        self.index = index.release()
    }

    deinit {
        slots.deallocate()
        nodes.deallocate()
        index.deallocate()
    }

    /// A slot as a value.
    package func value(_ slot: ValueSlot) -> LuaValue {
        switch slot.kind {
        case .nil: .nil
        case .null: .null
        case .false: .boolean(false)
        case .true: .boolean(true)
        case .integer: .integer(slot.integer)
        case .number: .number(slot.double)
        case .string: .string(LuaString(sharing: bytes, offset: Int(slot.payload), count: Int(slot.extra)))
        case .handle: .handle(LuaHandle(kind: slot.extra, id: slot.payload))
        case .node:
            switch nodes[Int(slot.node)].kind {
            case .table: .table(LuaTable(graph: self, node: slot.node))
            // Variables stand only inside of functions, where nobody but a comparison looks.
            case .function, .libraryFunction, .variable: .function(LuaFunction(graph: self, node: slot.node))
            case .object: .object(LuaObject(graph: self, node: slot.node))
            }
        }
    }

    /// Item `position` of the array part or content of a node; nil when there is none.
    package func content(of node: UInt32, at position: Int) -> LuaValue {
        let node = nodes[Int(node)]
        guard position >= 0, position < Int(node.arrayCount) else { return .nil }
        return value(slots[Int(node.arrayStart) + position])
    }
}

extension ValueGraph {
    /// One empty table.
    static let empty: ValueGraph = {
        var nodes = RawStack<ValueNode>(capacity: 1)
        nodes.append(ValueNode())
        return ValueGraph(bytes: [], slots: RawStack(capacity: 1), nodes: nodes, index: RawStack(capacity: 1))
    }()
}
