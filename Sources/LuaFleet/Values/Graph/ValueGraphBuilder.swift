// Message bytes to a graph, in one pass without recursion.

import LuaFleetWire

/// Reads values of one message. Used once; the bytes are only borrowed.
struct ValueGraphBuilder: ~Copyable {
    /// A container that is being read.
    struct Frame: BitwiseCopyable {
        enum Kind: BitwiseCopyable {
            case array, map
            /// The map of the other keys of the array below.
            case mixed
            /// The parts of an object, the value of a variable, or the values that are asked for.
            case content, root
            /// The variables of a function.
            case variables
        }

        let kind: Kind
        let node: UInt32
        /// Items still to come: see ``ValueGraphBuilder/step(_:_:)``.
        var left: Int
        /// Where its items begin in `pending`.
        let base: Int
        /// Where its other entries begin in `pending`, if it has had a mixed map; else -1.
        var entriesBase = -1
    }

    /// Nothing but the end may come.
    static let onlyEnd = -4
    /// A node that is known by its number and not read yet.
    static let unread = UInt32.max

    var reader: ValueReader
    /// Read values whose container is still open.
    var pending = RawStack<ValueSlot>(capacity: 32)
    var frames = RawStack<Frame>(capacity: 16)
    var slots = RawStack<ValueSlot>(capacity: 32)
    var nodes = RawStack<ValueNode>(capacity: 16)
    var index = RawStack<UInt32>(capacity: 16)
    /// Levels of tables that are open, and those around the value.
    var depth: Int
    /// The node of each tag 28 so far, by its number.
    var shared = RawStack<UInt32>(capacity: 1)
    /// The node of each variable so far, by its number.
    var variables = RawStack<UInt32>(capacity: 1)
    /// Whether the value holds a number, or something that has one: by itself it then means nothing.
    var hasMetNumber = false
    /// Of the shared objects whose handles stand in it.
    var references: [SharedReference] = []
    let scope: Scope
    /// Where values begin that are nodes, in their order, and their nodes; only for ``Scope/indexed``.
    var places = RawStack<(offset: Int, node: UInt32)>(capacity: 1)
    let seed = ValueHash.seed

    enum Scope {
        /// A whole message.
        case message
        /// A whole message, parts of which will be asked for by their place.
        case indexed
        /// A value in the middle of one. Reading fails if it has numbers.
        case part
    }

    init(reader: ValueReader, depth: Int = 0, scope: Scope = .message) {
        self.reader = reader
        self.depth = depth
        self.scope = scope
    }

    /// Reads the array of a message; it becomes node 0.
    mutating func readMessage() throws(ValueError) {
        let start = reader.offset
        guard case .array(let count) = try reader.next(), count >= 0 else { throw ValueError(.malformed, at: start) }
        try reader.spend(count)
        pending.reserve(count)
        nodes.append(ValueNode())
        frames.append(Frame(kind: .root, node: 0, left: count, base: 0))
        try run()
        nodes[0].arrayStart = UInt32(truncatingIfNeeded: slots.count)
        nodes[0].arrayCount = UInt32(truncatingIfNeeded: pending.count)
        slots.append(pending.base, pending.count)
        try reader.finish()
    }

    /// Reads one value where the reader stands.
    mutating func readValue() throws(ValueError) -> ValueSlot {
        try reader.spend(1)
        frames.append(Frame(kind: .root, node: 0, left: 1, base: 0))
        try run()
        let value = pending.removeLast()  // the root frame ends after one value
        return value
    }

    consuming func finish(bytes: [UInt8]) -> ValueGraph {
        ValueGraph(bytes: bytes, slots: slots, nodes: nodes, index: index, references: references)
    }
}
