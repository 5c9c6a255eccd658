// What stands behind the tags that have a fixed form.

extension ValueReader {
    /// The inside of ``ValueTag/handle``, whose tag stood at `start`.
    package mutating func handle(at start: Int) throws(ValueError) -> (kind: UInt32, id: UInt64) {
        guard case .array(2) = try next(), case .integer(let kind) = try next(), case .integer(let id) = try next(),
            let kind = UInt32(exactly: kind), let id = UInt64(exactly: id)
        else { throw ValueError(.malformed, at: start) }
        return (kind, id)
    }

    /// The head inside of ``ValueTag/object``: how many parts follow, at least one.
    package mutating func objectParts(at start: Int) throws(ValueError) -> Int {
        guard case .array(let count) = try next(), count > 0 else { throw ValueError(.malformed, at: start) }
        return count
    }

    /// The inside of ``ValueTag/function`` up to its variables: how many follow, and where its bytecode stands.
    package mutating func function(
        at start: Int
    ) throws(ValueError) -> (variables: Int, offset: Int, count: Int) {
        guard case .array(let items) = try next(), items > 0, case .string(let offset, let count) = try next() else {
            throw ValueError(.malformed, at: start)
        }
        return (items - 1, offset, count)
    }

    /// A variable of a function: the number of one that stands before, or nil for a new one, whose value follows.
    package mutating func variable() throws(ValueError) -> UInt64? {
        let start = offset
        switch try next() {
        case .integer(let number) where number >= 0: return UInt64(number)
        case .array(1): return nil
        default: throw ValueError(.malformed, at: start)
        }
    }

    /// The inside of ``ValueTag/libraryFunction``: where the name stands.
    package mutating func libraryFunctionName(at start: Int) throws(ValueError) -> (offset: Int, count: Int) {
        guard case .string(let offset, let count) = try next() else { throw ValueError(.malformed, at: start) }
        return (offset, count)
    }

    /// The inside of ``ValueTag/reference``: the number of a tag 28 that stands before.
    package mutating func reference(at start: Int) throws(ValueError) -> Int {
        guard case .integer(let number) = try next(), let number = Int(exactly: number), number >= 0 else {
            throw ValueError(.malformed, at: start)
        }
        return number
    }
}
