// -k: what has ended waits here until everything before it has ended, too.

/// Sequence numbers from 1; each is given once, as an element or as skipped.
struct OrderedTasks<Element> {
    private var waiting: [Int: Element?] = [:]
    private var next = 1

    /// How many elements wait.
    private(set) var count = 0

    /// `element` has ended; all whose turn it is now.
    mutating func ended(_ element: Element, _ sequence: Int) -> [Element] {
        waiting[sequence] = .some(element)
        count += 1
        return advance()
    }

    /// There is nothing to wait for at `sequence`.
    mutating func skipped(_ sequence: Int) -> [Element] {
        waiting[sequence] = .some(nil)
        return advance()
    }

    /// What still waits, in order: where a run ends before its inputs do.
    mutating func rest() -> [Element] {
        defer { (waiting, count) = ([:], 0) }
        return waiting.sorted { $0.key < $1.key }.compactMap(\.value)
    }

    private mutating func advance() -> [Element] {
        var ready = [Element]()
        while let element = waiting.removeValue(forKey: next) {
            next += 1
            guard let element else { continue }
            count -= 1
            ready.append(element)
        }
        return ready
    }
}
