// Passing over one whole value, however deep, without recursion.

/// A container whose inside is being passed over.
struct ValueSkip {
    enum Kind {
        case array
        case map
        /// The map of the other keys: no level of its own.
        case mixed
        /// What stands behind a tag, or in a variable.
        case tagged
        /// The variables of a function.
        case variables
    }

    let kind: Kind
    /// Items still to come; in a container of indefinite length -1, -2 before the value of a key, ``onlyEnd`` when
    /// nothing but the end may come.
    var left: Int
    /// Where it began.
    let start: Int

    static let onlyEnd = -4
    /// Containers of so many bytes are worth remembering.
    static let long = 1024
}

extension ValueReader {
    /// Passes over one value with all that is inside it and checks its form. `depth`: levels of tables around it.
    ///
    /// - Throws: what reading it would throw, `limitDepth` and `limitElements` included.
    @inlinable package mutating func skip(depth: Int = 0) throws(ValueError) {
        var ends: [Int: Int] = [:]
        try skip(depth: depth, ends: &ends)
    }

    /// The same; remembers in `ends` where long arrays and maps end, by where they begin, and makes use of it.
    @inlinable package mutating func skip(depth: Int, ends: inout [Int: Int]) throws(ValueError) {
        let start = offset
        switch try next() {
        // What has no inside needs no stack.
        case .null, .undefined, .boolean, .integer, .double, .string: try spend(1)
        case .end: throw ValueError(.malformed, at: start)
        case .array, .map, .tag:
            offset = start
            try skipContainer(depth: depth, ends: &ends)
        }
    }

    @usableFromInline @inline(never)
    mutating func skipContainer(depth: Int, ends: inout [Int: Int]) throws(ValueError) {
        var outer: [ValueSkip] = []
        var top = ValueSkip(kind: .tagged, left: 1, start: offset)
        var level = depth
        while true {
            while top.left != 0 {
                let start = offset
                if top.kind == .variables {
                    top.left &-= 1
                    if try variable() == nil {
                        try enter(.tagged, 1, at: start, in: &top, outer: &outer, level: &level)
                    } else {
                        try spend(1)
                    }
                    continue
                }
                let item = try next()
                if case .end = item {
                    guard top.left == -1 || top.left == ValueSkip.onlyEnd else {
                        throw ValueError(.malformed, at: start)
                    }
                    break
                }
                if top.left > 0 {
                    top.left &-= 1
                } else {
                    if top.left == ValueSkip.onlyEnd { throw ValueError(.malformed, at: start) }
                    if top.kind != .array { top.left = -3 &- top.left }
                }
                switch item {
                case .array, .map:
                    if !ends.isEmpty, let end = ends[start] {
                        try spend(1)
                        offset = end
                    } else {
                        try skipItem(item, at: start, in: &top, outer: &outer, level: &level)
                    }
                case .tag: try skipItem(item, at: start, in: &top, outer: &outer, level: &level)
                default: try spend(1)
                }
            }
            if top.kind == .array || top.kind == .map {
                level &-= 1
                if offset &- top.start >= ValueSkip.long { ends[top.start] = offset }
            }
            guard let next = outer.popLast() else { return }
            top = next
        }
    }

    private mutating func enter(
        _ kind: ValueSkip.Kind, _ left: Int, at start: Int, in top: inout ValueSkip, outer: inout [ValueSkip],
        level: inout Int
    ) throws(ValueError) {
        try spend(1)
        if kind == .array || kind == .map {
            level += 1
            guard level <= limits.depth else { throw ValueError(.limitDepth(limits.depth), at: offset) }
        }
        outer.append(top)
        top = ValueSkip(kind: kind, left: left, start: start)
    }

    private mutating func skipItem(
        _ item: ValueItem, at start: Int, in top: inout ValueSkip, outer: inout [ValueSkip], level: inout Int
    ) throws(ValueError) {
        switch item {
        case .array(let count): try enter(.array, count, at: start, in: &top, outer: &outer, level: &level)
        case .map(let count):
            try enter(.map, count < 0 ? -1 : count * 2, at: start, in: &top, outer: &outer, level: &level)
        case .tag(ValueTag.shared):
            let inside = offset
            let item = try next()
            switch item {
            case .array, .map, .tag(ValueTag.function), .tag(ValueTag.object):
                try skipItem(item, at: inside, in: &top, outer: &outer, level: &level)
            default: throw ValueError(.malformed, at: inside)
            }
        case .tag(ValueTag.mixed):
            guard top.kind == .array, top.left <= 0, case .map(let count) = try next() else {
                throw ValueError(.malformed, at: start)
            }
            if top.left < 0 { top.left = ValueSkip.onlyEnd }
            try enter(.mixed, count < 0 ? -1 : count * 2, at: start, in: &top, outer: &outer, level: &level)
        case .tag(ValueTag.reference):
            _ = try reference(at: start)
            try spend(1)
        case .tag(ValueTag.libraryFunction):
            _ = try libraryFunctionName(at: start)
            try spend(1)
        case .tag(ValueTag.handle):
            _ = try handle(at: start)
            try spend(1)
        case .tag(ValueTag.function):
            guard limits.allowsCode else { throw ValueError(.unsupportedTag(ValueTag.function), at: start) }
            let (variables, _, _) = try function(at: start)
            try enter(.variables, variables, at: start, in: &top, outer: &outer, level: &level)
        case .tag(ValueTag.object):
            let parts = try objectParts(at: start)
            if !limits.allowsCode { try requireTypeName(at: start) }
            try enter(.tagged, parts, at: start, in: &top, outer: &outer, level: &level)
        case .tag(let tag): throw ValueError(.unsupportedTag(tag), at: start)
        default: try spend(1)
        }
    }

    /// The first part of an object is the name of a type, not a function.
    private func requireTypeName(at start: Int) throws(ValueError) {
        var ahead = self
        guard case .string = try ahead.next() else { throw ValueError(.unsupportedTag(ValueTag.object), at: start) }
    }
}
