// When each of many small numbers is due: one moment a number, changed and dropped at will.

/// A binary heap that knows where each key stands, so that a deadline that is met early leaves no entry behind: a million tasks with a
/// minute each would otherwise keep a minute's worth of dead entries. Set and remove are O(log n), the earliest O(1).
package struct TimerHeap {
    private var heap: [(due: Moment, key: UInt32)] = []
    private var position: [Int32] = []  // by key; -1: not set

    package init() {}

    package var earliest: (due: Moment, key: UInt32)? { heap.first }
    package var count: Int { heap.count }

    package func due(of key: UInt32) -> Moment? {
        guard Int(key) < position.count, position[Int(key)] >= 0 else { return nil }
        return heap[Int(position[Int(key)])].due
    }

    package mutating func set(_ key: UInt32, due: Moment) {
        while position.count <= Int(key) { position.append(-1) }
        let place = Int(position[Int(key)])
        if place >= 0 {
            heap[place].due = due
            siftUp(siftDown(place))
        } else {
            heap.append((due, key))
            position[Int(key)] = Int32(heap.count - 1)
            siftUp(heap.count - 1)
        }
    }

    package mutating func remove(_ key: UInt32) {
        guard Int(key) < position.count, position[Int(key)] >= 0 else { return }
        let place = Int(position[Int(key)])
        position[Int(key)] = -1
        let last = heap.removeLast()
        guard place < heap.count else { return }
        heap[place] = last
        position[Int(last.key)] = Int32(place)
        siftUp(siftDown(place))
    }

    private mutating func siftUp(_ start: Int) {
        var place = start
        while place > 0 {
            let parent = (place - 1) / 2
            guard heap[place].due < heap[parent].due else { return }
            swap(place, parent)
            place = parent
        }
    }

    @discardableResult
    private mutating func siftDown(_ start: Int) -> Int {
        var place = start
        while true {
            var child = 2 * place + 1
            guard child < heap.count else { return place }
            if child + 1 < heap.count, heap[child + 1].due < heap[child].due { child += 1 }
            guard heap[child].due < heap[place].due else { return place }
            swap(place, child)
            place = child
        }
    }

    private mutating func swap(_ left: Int, _ right: Int) {
        heap.swapAt(left, right)
        position[Int(heap[left].key)] = Int32(left)
        position[Int(heap[right].key)] = Int32(right)
    }
}
