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
                if kind == .variables {
                    frames.top.left = left &- 1
                    if try readVariable() {
                        left = -1
                        break items
                    }
                    left &-= 1
                    continue items
                }
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
                    try append(offset: offset, count: count)
                case .boolean(let value): pending.append(ValueSlot(value ? .true : .false))
                case .null: pending.append(ValueSlot(.nil))
                case .undefined: pending.append(ValueSlot(.null))
                case .end: throw ValueError(.malformed, at: start)
                case .array(let count):
                    frames.top.left = Self.step(left, kind)
                    try open(.array, count: count, node: newNode(at: start))
                    left = -1
                    break items
                case .map(let count):
                    frames.top.left = Self.step(left, kind)
                    try open(.map, count: count, node: newNode(at: start))
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
        let left = count > 0 && (kind == .map || kind == .mixed) ? count * 2 : count
        if left > 0 {
            try reader.spend(left)
            pending.reserve(left)  // as many as there are bytes left, at most
        }
        frames.append(Frame(kind: kind, node: node, left: left, base: pending.count))
    }

    private mutating func newNode(_ kind: ValueNode.Kind = .table, at start: Int) -> UInt32 {
        var node = ValueNode()
        node.kind = kind
        nodes.append(node)
        let number = UInt32(truncatingIfNeeded: nodes.count - 1)
        if scope == .indexed { places.append((start, number)) }
        return number
    }

    /// Reads what stands behind a tag. True when a frame was opened for it, false when its value is pending already.
    private mutating func readTag(_ tag: UInt64, at start: Int, in kind: Frame.Kind) throws(ValueError) -> Bool {
        switch tag {
        case ValueTag.shared, ValueTag.reference, ValueTag.function:
            hasMetNumber = true
            if scope == .part { throw ValueError(.malformed, at: start) }
            return try readNumbered(tag, at: start)
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
            if let reference = SharedReference(SharedHandle(kind: kind, id: id)) { references.append(reference) }
            pending.append(ValueSlot(.handle, payload: id, extra: kind))
            return false
        case ValueTag.object:
            try readObject(at: start, node: newNode(.object, at: start))
            return true
        case ValueTag.libraryFunction:
            try readName(at: start)
            return false
        default: throw ValueError(.unsupportedTag(tag), at: start)
        }
    }

    private mutating func readNumbered(_ tag: UInt64, at start: Int) throws(ValueError) -> Bool {
        switch tag {
        case ValueTag.reference:
            let number = try reader.reference(at: start)
            guard number < shared.count else { throw ValueError(.malformed, at: start) }
            if scope == .indexed { places.append((start, shared[number])) }
            pending.append(ValueSlot(.node, payload: UInt64(shared[number])))
            return false
        case ValueTag.function:
            return try readFunction(at: start, node: newNode(.function, at: start))
        default:
            let node = newNode(at: start)
            nodes[Int(node)].isShared = true
            shared.append(node)
            let inside = reader.offset
            switch try reader.next() {
            case .array(let count): try open(.array, count: count, node: node)
            case .map(let count): try open(.map, count: count, node: node)
            case .tag(ValueTag.function):
                nodes[Int(node)].kind = .function
                return try readFunction(at: inside, node: node)
            case .tag(ValueTag.object):
                nodes[Int(node)].kind = .object
                try readObject(at: inside, node: node)
            default: throw ValueError(.malformed, at: inside)
            }
            return true
        }
    }

    /// Appends a string to the pending values.
    private mutating func append(offset: Int, count: Int) throws(ValueError) {
        guard count <= Int(UInt32.max) else { throw ValueError(.limitBytes(Int(UInt32.max)), at: offset) }
        pending.append(ValueSlot(.string, payload: UInt64(offset), extra: UInt32(truncatingIfNeeded: count)))
    }

    private mutating func readName(at start: Int) throws(ValueError) {
        let (offset, count) = try reader.libraryFunctionName(at: start)
        let node = newNode(.libraryFunction, at: start)
        try append(offset: offset, count: count)
        finishArray(node, from: pending.count - 1)
        pending.append(ValueSlot(.node, payload: UInt64(node)))
    }

    private mutating func readObject(at start: Int, node: UInt32) throws(ValueError) {
        try push(.content, count: try reader.objectParts(at: start), node: node)
    }

    private mutating func readFunction(at start: Int, node: UInt32) throws(ValueError) -> Bool {
        let (count, offset, length) = try reader.function(at: start)
        try push(.variables, count: count, node: node)
        try append(offset: offset, count: length)
        return true
    }

    /// Reads a variable of a function. True when a frame was opened for its value.
    private mutating func readVariable() throws(ValueError) -> Bool {
        let start = reader.offset
        if let number = try reader.variable() {
            guard number < UInt64(variables.count) else { throw ValueError(.malformed, at: start) }
            pending.append(ValueSlot(.node, payload: UInt64(variables[Int(number)])))
            return false
        }
        let node = newNode(.variable, at: start)
        variables.append(node)
        try push(.content, count: 1, node: node)
        return true
    }

    private mutating func close() throws(ValueError) {
        let frame = frames.removeLast()
        switch frame.kind {
        case .root: return
        case .mixed:
            frames.top.entriesBase = frame.base
            return
        case .content, .variables: finishArray(frame.node, from: frame.base)
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
