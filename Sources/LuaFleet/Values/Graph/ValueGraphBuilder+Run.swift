// The loop over items: what each becomes, and which containers open and close.

import LuaFleetWire

extension ValueGraphBuilder {
    /// What is left of a container after one more item. Known length: counts down to 0. Indefinite: -1, and in a map -2
    /// between key and value.
    @inline(__always) static func step(_ left: Int, _ kind: Frame.Kind) -> Int {
        if left > 0 { return left &- 1 }
        return kind == .array ? -1 : -3 &- left
    }

    /// Reads until the first frame is done.
    mutating func run() throws(ValueError) {
        while !frames.isEmpty {
            let frame = frames.top
            let kind = frame.kind
            var left = frame.left
            items: while left != 0 {
                if left != Self.onlyEnd { left = readScalars(left, kind) }
                if left == 0 { break items }
                let start = reader.offset
                let item = try reader.next()
                if left < 0 {
                    if case .end = item {
                        guard left == -1 || left == Self.onlyEnd else { throw ValueError(.malformed, at: start) }
                        left = 0
                        break items
                    }
                    guard left != Self.onlyEnd else { throw ValueError(.malformed, at: start) }
                    try reader.spend(1)
                }
                switch item {
                case .integer(let value): pending.append(ValueSlot(.integer, payload: UInt64(bitPattern: value)))
                case .double(let value): pending.append(ValueSlot(.number, payload: value.bitPattern))
                case .string(let offset, let count):
                    guard count <= Int(UInt32.max) else { throw ValueError(.limitBytes(Int(UInt32.max)), at: start) }
                    pending.append(
                        ValueSlot(.string, payload: UInt64(offset), extra: UInt32(truncatingIfNeeded: count)))
                case .boolean(let value): pending.append(ValueSlot(value ? .true : .false))
                case .null: pending.append(ValueSlot(.nil))
                case .undefined: pending.append(ValueSlot(.null))
                case .end: throw ValueError(.malformed, at: start)
                case .array(let count):
                    frames.top.left = Self.step(left, kind)
                    try open(.array, count: count, node: newNode())
                    left = -1
                    break items
                case .map(let count):
                    frames.top.left = Self.step(left, kind)
                    try open(.map, count: count, node: newNode())
                    left = -1
                    break items
                case .tag(let tag):
                    let remaining = Self.step(left, kind)
                    frames.top.left = remaining
                    if try readTag(tag, at: start, in: kind) {
                        left = -1
                        break items
                    }
                    left = remaining
                    continue items
                }
                left = Self.step(left, kind)
            }
            // Not 0: another frame is on top now, and this one has stored what is left of it.
            if left == 0 { try close() }
        }
    }

    /// Opens a table.
    private mutating func open(_ kind: Frame.Kind, count: Int, node: UInt32) throws(ValueError) {
        depth += 1
        guard depth <= reader.limits.depth else {
            throw ValueError(.limitDepth(reader.limits.depth), at: reader.offset)
        }
        try push(kind, count: count, node: node)
    }

    private mutating func push(_ kind: Frame.Kind, count: Int, node: UInt32) throws(ValueError) {
        // A map's count is at most half of the bytes left, so it cannot overflow.
        let left = count > 0 && kind != .array ? count * 2 : count
        if left > 0 {
            try reader.spend(left)
            pending.reserve(left)  // as many as there are bytes left, at most
        }
        frames.append(Frame(kind: kind, node: node, left: left, base: pending.count))
    }

    private mutating func newNode(_ kind: ValueNode.Kind = .table) -> UInt32 {
        var node = ValueNode()
        node.kind = kind
        nodes.append(node)
        return UInt32(truncatingIfNeeded: nodes.count - 1)
    }

    /// A node for the tag 28 that was just read; nil when it has been read already, out of order.
    private mutating func sharedNode() -> UInt32? {
        let number = nextNumber
        nextNumber += 1
        if number < nodeOfNumber.count, nodeOfNumber[number] != Self.unread {
            let node = nodeOfNumber[number]
            guard nodes[Int(node)].arrayStart == Self.unread else { return nil }
            nodes[Int(node)].arrayStart = 0
            return node
        }
        let node = newNode()
        nodes[Int(node)].isShared = true
        if number < nodeOfNumber.count { nodeOfNumber[number] = node } else { nodeOfNumber.append(node) }
        return node
    }

    /// Reads what stands behind a tag. True when a frame was opened for it, false when its value is pending already.
    private mutating func readTag(_ tag: UInt64, at start: Int, in kind: Frame.Kind) throws(ValueError) -> Bool {
        if tag == ValueTag.shared || tag == ValueTag.reference {
            hasMetShared = true
            if let sharedOffsets, sharedOffsets.isEmpty { throw ValueError(.malformed, at: start) }
        }
        switch tag {
        case ValueTag.shared: return try readShared(at: start)
        case ValueTag.reference:
            pending.append(ValueSlot(.node, payload: UInt64(try readReference(at: start))))
            return false
        case ValueTag.mixed:
            let left = frames.top.left
            guard kind == .array, left <= 0, case .map(let count) = try reader.next() else {
                throw ValueError(.malformed, at: start)
            }
            if left < 0 { frames.top.left = Self.onlyEnd }
            try push(.mixed, count: count, node: 0)
            return true
        case ValueTag.handle:
            let (kind, id) = try reader.handle(at: start)
            pending.append(ValueSlot(.handle, payload: id, extra: kind))
            return false
        case ValueTag.function, ValueTag.object, ValueTag.libraryFunction:
            return try readOpaque(tag, at: start, node: newNode())
        default: throw ValueError(.unsupportedTag(tag), at: start)
        }
    }

    private mutating func readShared(at start: Int) throws(ValueError) -> Bool {
        guard let node = sharedNode() else {
            // Read before: pass over it and over the tags 28 inside of it.
            let number = nextNumber - 1
            try reader.skip(depth: depth)
            nextNumber = Self.position(of: reader.offset, in: sharedOffsets ?? [])
            pending.append(ValueSlot(.node, payload: UInt64(nodeOfNumber[number])))
            return false
        }
        let inside = reader.offset
        switch try reader.next() {
        case .array(let count): try open(.array, count: count, node: node)
        case .map(let count): try open(.map, count: count, node: node)
        case .tag(let tag) where tag == ValueTag.function || tag == ValueTag.object:
            return try readOpaque(tag, at: inside, node: node)
        default: throw ValueError(.malformed, at: inside)
        }
        return true
    }

    private mutating func readReference(at start: Int) throws(ValueError) -> UInt32 {
        let number = try reader.reference(at: start)
        guard number < nextNumber else { throw ValueError(.malformed, at: start) }
        if nodeOfNumber[number] == Self.unread {
            let node = newNode()
            nodes[Int(node)].isShared = true
            nodes[Int(node)].arrayStart = Self.unread
            nodeOfNumber[number] = node
            wanted.append(number)
        }
        return nodeOfNumber[number]
    }

    private mutating func readOpaque(_ tag: UInt64, at start: Int, node: UInt32) throws(ValueError) -> Bool {
        switch tag {
        case ValueTag.libraryFunction:
            let (offset, count) = try reader.libraryFunctionName(at: start)
            nodes[Int(node)].kind = .libraryFunction
            nodes[Int(node)].arrayStart = UInt32(truncatingIfNeeded: slots.count)
            nodes[Int(node)].arrayCount = 1
            slots.append(
                ValueSlot(.string, payload: UInt64(offset), extra: UInt32(truncatingIfNeeded: count)))
            pending.append(ValueSlot(.node, payload: UInt64(node)))
            return false
        case ValueTag.object:
            let (offset, count) = try reader.objectName(at: start)
            nodes[Int(node)].kind = .object
            try push(.content, count: 0, node: node)
            pending.append(
                ValueSlot(.string, payload: UInt64(offset), extra: UInt32(truncatingIfNeeded: count)))
        default:
            nodes[Int(node)].kind = .function
            try push(.content, count: 0, node: node)
        }
        try reader.spend(1)
        frames.top.left = 1
        return true
    }

    private mutating func close() throws(ValueError) {
        let frame = frames.removeLast()
        switch frame.kind {
        case .root: return
        case .mixed:
            frames.top.entriesBase = frame.base
            return
        case .content: finishArray(frame.node, from: frame.base)
        case .array:
            depth -= 1
            if frame.entriesBase < 0 {
                finishArray(frame.node, from: frame.base)
            } else {
                try finishTable(frame.node, from: frame.base, entriesFrom: frame.entriesBase)
            }
        case .map:
            depth -= 1
            try finishTable(frame.node, from: frame.base, entriesFrom: frame.base)
        }
        pending.append(ValueSlot(.node, payload: UInt64(frame.node)))
    }
}
