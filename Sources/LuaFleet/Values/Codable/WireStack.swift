// The bound of recursion through `init(from:)` and `encode(to:)`, which are not ours to make iterative.

import CFleetSystem
import LuaFleetWire

enum WireStack {
    /// Bytes that one level, with whatever a type does between two levels, must not need more of.
    /// Smaller: a type with large frames overflows the stack. Larger: threads with small stacks refuse sooner.
    private static let reserve = 192 << 10

    /// Throws when the thread's stack does not suffice for another level of a type that contains itself.
    ///
    /// Called at each level, so that a script cannot crash its host with a deep result, whatever thread that is decoded on.
    @inline(__always) static func check(level: Int, limit: Int, offset: @autoclosure () -> Int) throws(ValueError) {
        if level > limit { throw ValueError(.limitDepth(limit), at: offset()) }
        if level > 16, lfs_stack_left() < reserve { throw ValueError(.limitDepth(level - 1), at: offset()) }
    }
}
