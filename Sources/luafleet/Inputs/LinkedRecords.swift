// Sources that go in step (:::+, ::::+, --link): the first record of each together, then the second, and so on.

struct LinkedRecords {
    private var readers: [RecordReader]
    /// `--link`: a source that has ended begins again until the longest has ended, too. Otherwise the shortest ends all.
    private let recycles: Bool
    /// What was read of each source, kept only while it may have to begin again: another source has not ended yet.
    private var kept: [[InputRecord]]
    private var hasEnded: [Bool]
    private var turn = 0

    init(_ readers: [RecordReader], recycles: Bool) {
        self.readers = readers
        self.recycles = recycles && readers.count > 1
        kept = Array(repeating: [], count: readers.count)
        hasEnded = Array(repeating: false, count: readers.count)
    }

    var neverWaits: Bool { readers.allSatisfy(\.neverWaits) }

    var hasMoreAtHand: Bool {
        readers.indices.allSatisfy { hasEnded[$0] || readers[$0].hasMoreAtHand }
    }

    /// The columns of all, side by side; nil at the end.
    mutating func next() throws(UsageError) -> InputRecord? {
        var combined = InputRecord()
        for index in readers.indices {
            guard let record = try record(of: index) else { return nil }
            combined += record
        }
        turn += 1
        return hasEnded.allSatisfy { $0 } ? nil : combined
    }

    private mutating func record(of index: Int) throws(UsageError) -> InputRecord? {
        if !hasEnded[index] {
            if let record = try readers[index].next() {
                let othersRun = hasEnded.indices.contains { $0 != index && !hasEnded[$0] }
                if recycles, othersRun { kept[index].append(record) }
                return record
            }
            hasEnded[index] = true
            if !recycles { return nil }
        }
        // An empty source cannot begin again: nothing goes with the others.
        return kept[index].isEmpty ? nil : kept[index][turn % kept[index].count]
    }
}
