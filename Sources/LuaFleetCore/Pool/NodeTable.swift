// Nodes, and the lists in which they stand: intrusive, so that whatever happens to a node costs the same in a queue of a million.

/// Consecutive tasks of one batch in one place.
struct TaskNode {
    enum Place: Equatable {
        case vacant
        case queued
        /// Sent to the worker of this slot.
        case flying(UInt32)
        /// Stands in `delays` until its next attempt.
        case waiting
    }

    var batch: UInt32 = 0
    var lower: UInt32 = 0
    var upper: UInt32 = 0
    /// How often they were sent, but for those that came back without having begun.
    var attempt: UInt32 = 0
    /// Workers that died under them.
    var kills: UInt32 = 0
    var place = Place.vacant
    /// Of the first one, while it flies.
    var sequence: UInt32 = 0
    // Neighbours in the queue or among the worker's; the next vacant node.
    var previous = PoolCore.noIndex
    var next = PoolCore.noIndex
    // Neighbours in the batch.
    var batchPrevious = PoolCore.noIndex
    var batchNext = PoolCore.noIndex

    var count: UInt32 { upper - lower }
    /// Of the last one.
    var lastSequence: UInt32 { sequence &+ count &- 1 }
}

struct NodeList: Equatable {
    var head = PoolCore.noIndex
    var tail = PoolCore.noIndex

    var isEmpty: Bool { head == PoolCore.noIndex }
}

struct NodeTable {
    private var nodes: [TaskNode] = []
    private var firstVacant = PoolCore.noIndex

    subscript(index: UInt32) -> TaskNode {
        _read { yield nodes[Int(index)] }
        _modify { yield &nodes[Int(index)] }
    }

    /// A node in no place.
    mutating func make(batch: UInt32, lower: UInt32, upper: UInt32) -> UInt32 {
        let index: UInt32
        if firstVacant != PoolCore.noIndex {
            index = firstVacant
            firstVacant = self[index].next
        } else {
            index = UInt32(nodes.count)
            nodes.append(TaskNode())
        }
        self[index].batch = batch
        self[index].lower = lower
        self[index].upper = upper
        self[index].attempt = 0
        self[index].kills = 0
        return index
    }

    mutating func free(_ index: UInt32) {
        self[index].place = .vacant
        self[index].next = firstVacant
        firstVacant = index
    }

    // MARK: Places

    mutating func append(_ index: UInt32, to list: inout NodeList) {
        self[index].previous = list.tail
        self[index].next = PoolCore.noIndex
        if list.tail != PoolCore.noIndex { self[list.tail].next = index } else { list.head = index }
        list.tail = index
    }

    mutating func prepend(_ index: UInt32, to list: inout NodeList) {
        self[index].next = list.head
        self[index].previous = PoolCore.noIndex
        if list.head != PoolCore.noIndex { self[list.head].previous = index } else { list.tail = index }
        list.head = index
    }

    mutating func insert(_ index: UInt32, before other: UInt32, in list: inout NodeList) {
        let previous = self[other].previous
        self[index].previous = previous
        self[index].next = other
        self[other].previous = index
        if previous != PoolCore.noIndex { self[previous].next = index } else { list.head = index }
    }

    mutating func remove(_ index: UInt32, from list: inout NodeList) {
        let (previous, next) = (self[index].previous, self[index].next)
        if previous != PoolCore.noIndex { self[previous].next = next } else { list.head = next }
        if next != PoolCore.noIndex { self[next].previous = previous } else { list.tail = previous }
    }

    // MARK: Batches

    mutating func append(_ index: UInt32, toBatch list: inout NodeList) {
        self[index].batchPrevious = list.tail
        self[index].batchNext = PoolCore.noIndex
        if list.tail != PoolCore.noIndex { self[list.tail].batchNext = index } else { list.head = index }
        list.tail = index
    }

    mutating func remove(_ index: UInt32, fromBatch list: inout NodeList) {
        let (previous, next) = (self[index].batchPrevious, self[index].batchNext)
        if previous != PoolCore.noIndex { self[previous].batchNext = next } else { list.head = next }
        if next != PoolCore.noIndex { self[next].batchPrevious = previous } else { list.tail = previous }
    }
}
