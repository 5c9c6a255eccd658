// Names of tasks and workers that never mean a later tenant of the same place.

/// A task: a place in the core's table and how often that place was given out before.
package struct TaskID: Hashable, Sendable {
    package var index: UInt32
    package var generation: UInt32

    package init(index: UInt32, generation: UInt32) {
        self.index = index
        self.generation = generation
    }
}

/// A worker: its slot (0 …) and the incarnation of the slot.
package struct WorkerID: Hashable, Sendable {
    package var slot: UInt32
    package var generation: UInt32

    package init(slot: UInt32, generation: UInt32) {
        self.slot = slot
        self.generation = generation
    }
}
