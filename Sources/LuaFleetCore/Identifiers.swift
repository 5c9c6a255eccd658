// Names of batches and workers that never mean a later tenant of the same place.

/// Some tasks that were submitted together: a place in the core's table and how often that place was given out before.
package struct BatchID: Hashable, Sendable {
    package var index: UInt32
    package var generation: UInt32

    package init(index: UInt32, generation: UInt32) {
        self.index = index
        self.generation = generation
    }
}

/// Consecutive tasks of a batch. One task is a range of one; all that a task can be told by is its batch and its number there.
package struct TaskRange: Hashable, Sendable {
    package var batch: BatchID
    package var lower: UInt32
    /// Behind the last one.
    package var upper: UInt32

    package init(_ batch: BatchID, _ lower: UInt32, _ upper: UInt32) {
        self.batch = batch
        self.lower = lower
        self.upper = upper
    }

    package var count: UInt32 { upper - lower }
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
