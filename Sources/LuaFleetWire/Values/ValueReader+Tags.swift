// What stands behind the tags that have a fixed form.

extension ValueReader {
    /// The inside of ``ValueTag/handle``, whose tag stood at `start`.
    package mutating func handle(at start: Int) throws(ValueError) -> (kind: UInt32, id: UInt64) {
        guard case .array(2) = try next(), case .integer(let kind) = try next(), case .integer(let id) = try next(),
            let kind = UInt32(exactly: kind), let id = UInt64(exactly: id)
        else { throw ValueError(.malformed, at: start) }
        return (kind, id)
    }

    /// The inside of ``ValueTag/object`` up to its state, which is the next value: where the name stands.
    package mutating func objectName(at start: Int) throws(ValueError) -> (offset: Int, count: Int) {
        guard case .array(2) = try next(), case .string(let offset, let count) = try next() else {
            throw ValueError(.malformed, at: start)
        }
        return (offset, count)
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
