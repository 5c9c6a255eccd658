// A growable stack of plain bits: what an Array is, without its checks and its reference counts.

/// Owns its memory. Reading beyond `count` is undefined, so whoever indexes it has checked.
struct RawStack<Element: BitwiseCopyable>: ~Copyable {
    private(set) var base: UnsafeMutablePointer<Element>
    private(set) var count = 0
    private(set) var capacity: Int

    init(capacity: Int = 16) {
        let capacity = max(1, capacity)
        base = .allocate(capacity: capacity)
        self.capacity = capacity
    }

    deinit {
        base.deallocate()
    }

    @inline(__always) var isEmpty: Bool { count == 0 }

    /// The element at `index`, which is less than `count`.
    @inline(__always) subscript(index: Int) -> Element {
        get {
            assert(index >= 0 && index < count)
            return base[index]
        }
        set {
            assert(index >= 0 && index < count)
            base[index] = newValue
        }
    }

    /// The last element; there is one.
    @inline(__always) var top: Element {
        get { self[count &- 1] }
        set { self[count &- 1] = newValue }
    }

    @inline(__always) mutating func append(_ element: Element) {
        if _slowPath(count == capacity) { grow(1) }
        base[count] = element
        count &+= 1
    }

    /// Appends `more` elements from elsewhere.
    @inline(__always) mutating func append(_ source: UnsafePointer<Element>, _ more: Int) {
        if capacity &- count < more { grow(more) }
        (base + count).update(from: source, count: more)
        count &+= more
    }

    /// Counts `more` elements that were written behind the last one, where there was room for them.
    @inline(__always) mutating func extend(by more: Int) {
        assert(more >= 0 && capacity - count >= more)
        count &+= more
    }

    /// Makes room for `more` elements.
    @inline(__always) mutating func reserve(_ more: Int) {
        if capacity &- count < more { grow(more) }
    }

    /// Takes the last element off; there is one.
    @inline(__always) mutating func removeLast() -> Element {
        assert(count > 0)
        count &-= 1
        return base[count]
    }

    /// Drops what stands from `end` on.
    @inline(__always) mutating func truncate(to end: Int) {
        assert(end >= 0 && end <= count)
        count = end
    }

    @inline(never) private mutating func grow(_ more: Int) {
        let wanted = max(count + more, capacity * 2)
        let grown = UnsafeMutablePointer<Element>.allocate(capacity: wanted)
        grown.update(from: base, count: count)
        base.deallocate()
        base = grown
        capacity = wanted
    }

    /// Gives the memory away; whoever gets it deallocates it.
    consuming func release() -> UnsafePointer<Element> {
        let base = base
        discard self
        return UnsafePointer(base)
    }
}
