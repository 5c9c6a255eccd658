// Passing over one whole value, however deep, without recursion.

/// A container whose inside is being passed over.
@usableFromInline struct ValueSkip {
    enum Kind {
        case array
        case map
        /// The map of the other keys: no level of its own.
        case mixed
        /// What stands behind a tag.
        case tagged
    }

    let kind: Kind
    /// Items still to come; in a container of indefinite length -1, -2 before the value of a key, ``onlyEnd`` when
    /// nothing but the end may come.
    var left: Int

    static let onlyEnd = -4
}

extension ValueReader {
    /// Passes over one value with all that is inside it and checks its form. `depth`: levels of tables around it.
    ///
    /// - Throws: what reading it would throw, `limitDepth` and `limitElements` included.
    @inlinable package mutating func skip(depth: Int = 0) throws(ValueError) {
        // What has no inside needs no stack.
        let start = offset
        switch try next() {
        case .null, .undefined, .boolean, .integer, .double, .string: try spend(1)
        case .end: throw ValueError(.malformed, at: start)
        case .array, .map, .tag:
            offset = start
            try skipContainer(depth: depth)
        }
    }

    @usableFromInline @inline(never) mutating func skipContainer(depth: Int) throws(ValueError) {
        var stack = [ValueSkip(kind: .tagged, left: 1)]
        var level = depth
        while let top = stack.last {
            if top.left == 0 {
                if top.kind == .array || top.kind == .map { level -= 1 }
                stack.removeLast()
                continue
            }
            let start = offset
            let item = try next()
            if case .end = item {
                guard top.left == -1 || top.left == ValueSkip.onlyEnd else { throw ValueError(.malformed, at: start) }
                if top.kind != .mixed { level -= 1 }
                stack.removeLast()
                continue
            }
            if top.left == ValueSkip.onlyEnd { throw ValueError(.malformed, at: start) }
            if top.left > 0 {
                stack[stack.count - 1].left -= 1
            } else if top.kind != .array {
                stack[stack.count - 1].left = -3 - top.left
            }
            try skipItem(item, at: start, in: &stack, level: &level)
        }
    }

    private mutating func skipItem(
        _ item: ValueItem, at start: Int, in stack: inout [ValueSkip], level: inout Int
    ) throws(ValueError) {
        switch item {
        case .array(let count): try enter(.array, count, in: &stack, level: &level)
        case .map(let count): try enter(.map, count < 0 ? -1 : count * 2, in: &stack, level: &level)
        case .tag(let tag): try skipTag(tag, at: start, in: &stack, level: &level)
        default: try spend(1)
        }
    }

    private mutating func enter(
        _ kind: ValueSkip.Kind, _ left: Int, in stack: inout [ValueSkip], level: inout Int
    ) throws(ValueError) {
        try spend(1)
        level += 1
        guard level <= limits.depth else { throw ValueError(.limitDepth(limits.depth), at: offset) }
        stack.append(ValueSkip(kind: kind, left: left))
    }

    private mutating func skipTag(
        _ tag: UInt64, at start: Int, in stack: inout [ValueSkip], level: inout Int
    ) throws(ValueError) {
        switch tag {
        case ValueTag.shared:
            let inside = offset
            switch try next() {
            case .array(let count): try enter(.array, count, in: &stack, level: &level)
            case .map(let count): try enter(.map, count < 0 ? -1 : count * 2, in: &stack, level: &level)
            case .tag(let tag) where tag == ValueTag.function || tag == ValueTag.object:
                try skipTag(tag, at: inside, in: &stack, level: &level)
            default: throw ValueError(.malformed, at: inside)
            }
        case ValueTag.mixed:
            let top = stack[stack.count - 1]  // not empty: the item stands in a container
            guard top.kind == .array, top.left <= 0 else { throw ValueError(.malformed, at: start) }
            if top.left < 0 { stack[stack.count - 1].left = ValueSkip.onlyEnd }
            guard case .map(let count) = try next() else { throw ValueError(.malformed, at: start) }
            stack.append(ValueSkip(kind: .mixed, left: count < 0 ? -1 : count * 2))
        case ValueTag.reference:
            guard case .integer(let number) = try next(), number >= 0 else { throw ValueError(.malformed, at: start) }
            try spend(1)
        case ValueTag.libraryFunction:
            guard case .string = try next() else { throw ValueError(.malformed, at: start) }
            try spend(1)
        case ValueTag.handle:
            _ = try handle(at: start)
            try spend(1)
        case ValueTag.function:
            try spend(1)
            stack.append(ValueSkip(kind: .tagged, left: 1))
        case ValueTag.object:
            _ = try objectName(at: start)
            try spend(1)
            stack.append(ValueSkip(kind: .tagged, left: 1))
        default: throw ValueError(.unsupportedTag(tag), at: start)
        }
    }
}
