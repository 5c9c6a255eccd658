// Records that end with a byte, usually a line feed, out of chunks: flat memory however long the input.

struct LineReader {
    /// A task may not be larger than this by default either; without a limit one endless line would take all memory.
    static let recordLimit = 64 << 20

    private let source: ChunkSource
    private let delimiter: UInt8
    private var chunk = Bytes()
    private var position = 0
    private var isAtEnd = false
    /// Of the record that `next` gave last, from 1.
    private(set) var number = 0

    var name: String { source.name }

    init(_ source: ChunkSource, delimiter: UInt8 = UInt8(ascii: "\n")) {
        self.source = source
        self.delimiter = delimiter
    }

    /// Whether the next record can be had without waiting for the file.
    var hasRecordAtHand: Bool {
        chunk[position...].contains(delimiter)
    }

    /// The next record without its delimiter; nil at the end. What stands after the last delimiter is a record, too, unless it
    /// is nothing.
    mutating func next() throws(UsageError) -> Bytes? {
        var record: Bytes?
        while true {
            if position == chunk.count {
                if !isAtEnd {
                    chunk = try source.read()
                    position = 0
                    isAtEnd = chunk.isEmpty
                }
                if isAtEnd {
                    if record != nil { number += 1 }
                    return record
                }
            }
            let end = chunk[position...].firstIndex(of: delimiter)
            let piece = chunk[position..<(end ?? chunk.count)]
            guard (record?.count ?? 0) + piece.count <= Self.recordLimit else {
                throw UsageError("\(name): line \(number + 1): longer than \(Self.recordLimit >> 20) MiB")
            }
            if record == nil { record = Bytes(piece) } else { record?.append(contentsOf: piece) }
            if let end {
                position = end + 1
                number += 1
                return record
            }
            position = chunk.count
        }
    }
}
