// A queue of values: in at the back, out at the front, and back to the front where something is given back.

package struct Fifo<Element> {
    /// What was given back; its last is first.
    private var returned: [Element] = []
    private var items: [Element?] = []
    private var head = 0

    package init() {}

    package var count: Int { returned.count + items.count - head }
    package var isEmpty: Bool { count == 0 }

    package mutating func append(_ element: Element) {
        items.append(element)
    }

    package mutating func prepend(_ element: Element) {
        returned.append(element)
    }

    package mutating func popFirst() -> Element? {
        if let element = returned.popLast() { return element }
        guard head < items.count else { return nil }
        let element = items[head]
        items[head] = nil
        head += 1
        if head == items.count {
            items.removeAll(keepingCapacity: items.count < 1024)
            head = 0
        } else if head >= 1024, head * 2 >= items.count {
            items.removeFirst(head)
            head = 0
        }
        return element
    }

    /// All of it, in order.
    package var elements: [Element] { returned.reversed() + items[head...].compactMap { $0 } }
}

extension Fifo: Sendable where Element: Sendable {}
