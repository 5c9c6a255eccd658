// The inputs of a run, one task's at a time: products of sources, several records a task, random order.

struct InputReader {
    /// The first source, or sources in step, streams; it changes slowest.
    private var outer: LinkedRecords
    /// All others are needed again for each of the first: read whole at the first call.
    private var innerReaders: [LinkedRecords]
    private var inner: [[InputRecord]] = []
    private var current: InputRecord?
    /// Which record of each of `inner` comes next; the last one changes fastest.
    private var wheel: [Int] = []
    private var hasBegun = false
    private var shuffled: [InputRecord]?

    private let recordsPerTask: Int
    private let shuffleSeed: UInt64?
    /// Only words and files of a disk.
    private let neverWaits: Bool
    /// Names of the columns with `--header`, in their order; else empty.
    let columnNames: [Bytes]

    /// Opens every source. `open` stands in for the file system in tests.
    init(
        _ plan: InputPlan,
        open: (Bytes) throws(UsageError) -> ChunkSource = { (file) throws(UsageError) in try ChunkSource.open(file) }
    ) throws(UsageError) {
        var groups = [[RecordReader]]()
        var names = [Bytes]()
        for source in plan.sources {
            let reader = try RecordReader(source.origin, plan: plan, open: open)
            names += reader.header
            if (source.isLinked || plan.isLinked), !groups.isEmpty {
                groups[groups.count - 1].append(reader)
            } else {
                groups.append([reader])
            }
        }
        guard !groups.isEmpty else { throw UsageError("no input") }
        var linked = groups.map { LinkedRecords($0, recycles: plan.isLinked) }
        outer = linked.removeFirst()
        innerReaders = linked
        columnNames = names
        recordsPerTask = plan.recordsPerTask
        shuffleSeed = plan.shuffleSeed
        neverWaits = linked.allSatisfy(\.neverWaits) && outer.neverWaits
    }

    /// Whether the next task's input can be had without waiting for a file.
    var hasMoreAtHand: Bool {
        shuffled != nil || neverWaits || recordsPerTask == 1 && hasBegun && outer.hasMoreAtHand
    }

    /// The next task's input; nil at the end, and from then on.
    mutating func next() throws(UsageError) -> InputRecord? {
        var combined = InputRecord()
        for taken in 0..<recordsPerTask {
            guard let record = try nextInOrder() else { return taken > 0 ? combined : nil }
            combined += record
        }
        return combined
    }

    private mutating func nextInOrder() throws(UsageError) -> InputRecord? {
        guard let shuffleSeed else { return try nextCombination() }
        if shuffled == nil {
            var all = [InputRecord]()
            while let record = try nextCombination() { all.append(record) }
            var generator = SplitMix64(seed: shuffleSeed)
            all.shuffle(using: &generator)
            shuffled = all.reversed()  // taken from the end
        }
        return shuffled?.popLast()
    }

    /// Moves only when asked for more: a first line from a terminal is a task before there is a second one.
    private mutating func nextCombination() throws(UsageError) -> InputRecord? {
        if !hasBegun {
            hasBegun = true
            try begin()
        } else if current != nil {
            try turn()
        }
        guard var combination = current, inner.allSatisfy({ !$0.isEmpty }) else { return nil }
        for (records, position) in zip(inner, wheel) { combination += records[position] }
        return combination
    }

    private mutating func begin() throws(UsageError) {
        for index in innerReaders.indices {
            var records = [InputRecord]()
            while let record = try innerReaders[index].next() { records.append(record) }
            inner.append(records)
        }
        wheel = Array(repeating: 0, count: inner.count)
        current = try outer.next()
    }

    /// As a mileage counter does: the last wheel first, the next one when it has gone round, the outermost last.
    private mutating func turn() throws(UsageError) {
        for index in wheel.indices.reversed() {
            wheel[index] += 1
            if wheel[index] < inner[index].count { return }
            wheel[index] = 0
        }
        current = try outer.next()
    }
}

/// A small generator with a seed (Steele, Lea and Flood 2014): the same order for the same seed on every machine.
struct SplitMix64: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) {
        state = seed
    }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
