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
            /// The content of a function, the state of an object, or the value that is asked for.
            case content, root
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
    /// The node of each tag 28 so far.
    var nodeOfNumber: [UInt32] = []
    /// How many tags 28 stand before the reader.
    var nextNumber = 0
    /// Where the message's tags 28 stand; nil when the whole message is read, and so each is met before its references.
    let sharedOffsets: [Int]?
    /// Whether the value holds a tag 28 or 29; if so and `sharedOffsets` is empty, reading it fails.
    var hasMetShared = false
    /// Numbers that were referred to from outside of their own tables and have to be read still.
    var wanted: [Int] = []
    let seed = ValueHash.seed

    init(reader: ValueReader, depth: Int = 0, sharedOffsets: [Int]? = nil) {
        self.reader = reader
        self.depth = depth
        self.sharedOffsets = sharedOffsets
        if let sharedOffsets {
            nodeOfNumber = Array(repeating: Self.unread, count: sharedOffsets.count)
            nextNumber = ValueGraphBuilder.position(of: reader.offset, in: sharedOffsets)
        }
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
        let end = reader.offset
        if let sharedOffsets {
            while let number = wanted.popLast() {
                guard nodes[Int(nodeOfNumber[number])].arrayStart == Self.unread else { continue }
                reader.offset = sharedOffsets[number]
                nextNumber = number
                depth = 0
                frames.append(Frame(kind: .root, node: 0, left: 1, base: 0))
                try run()
                _ = pending.removeLast()
            }
        }
        reader.offset = end
        return value
    }

    /// The first index of `offsets` at which `offset` or more stands.
    static func position(of offset: Int, in offsets: [Int]) -> Int {
        var low = 0
        var high = offsets.count
        while low < high {
            let middle = (low + high) / 2
            if offsets[middle] < offset { low = middle + 1 } else { high = middle }
        }
        return low
    }

    consuming func finish(bytes: [UInt8]) -> ValueGraph {
        ValueGraph(bytes: bytes, slots: slots, nodes: nodes, index: index)
    }
}
