// Where the entries of one table stand in a message: what keyed and unkeyed containers look in.

import LuaFleetWire

/// The entries of a table, by the offsets of their values.
struct WireTable {
    struct Named {
        let offset: Int
        let count: Int
        let value: Int
    }

    /// Values with string keys, and where the keys stand.
    var named: [Named] = []
    /// Values with integer keys.
    var numbered: [(key: Int64, value: Int)] = []
    /// Keys of other kinds.
    var others = 0

    /// Where the value of a string key stands. The last one counts.
    func value(of name: String, in reader: ValueReader) -> Int? {
        var name = name
        return name.withUTF8 { name in
            let name = UnsafeRawBufferPointer(name)
            return named.last {
                $0.count == name.count
                    && ValueHash.equal(UnsafeRawBufferPointer(start: reader.base + $0.offset, count: $0.count), name)
            }?.value
        }
    }

    /// Where the value of an integer key stands. The last one counts.
    func value(of number: Int) -> Int? {
        // The array part comes first and in order.
        if number >= 1, number <= numbered.count, numbered[number - 1].key == Int64(number), others == 0, named.isEmpty
        {
            return numbered[number - 1].value
        }
        return numbered.last { $0.key == Int64(number) }?.value
    }

    /// Where the values of 1…n stand.
    ///
    /// - Throws: `DecodingError` when there is any other key.
    func sequence(_ state: WireDecoderState, _ path: WirePath?) throws -> [Int] {
        guard named.isEmpty, others == 0 else {
            throw state.corrupted(path, "the table has keys other than 1, 2, 3, …")
        }
        var places: [Int64: Int] = [:]
        for (key, value) in numbered {
            // nil is no entry, also in place of one that stood before.
            places[key] = state.isNull(at: value) && key > Int64(numbered.count) ? nil : value
        }
        var result: [Int] = []
        result.reserveCapacity(places.count)
        while let value = places.removeValue(forKey: Int64(result.count) + 1) { result.append(value) }
        guard places.isEmpty else { throw state.corrupted(path, "the table's keys are not 1, 2, 3, … without a hole") }
        return result
    }
}

extension WireDecoderState {
    /// Whether the value at `offset` is nil.
    func isNull(at offset: Int) -> Bool {
        offset < reader.count && reader.base.load(fromByteOffset: offset, as: UInt8.self) == ValueByte.null
    }

    /// Finds the entries of the table at the cursor.
    func scan(path: WirePath?, expected: String, type: Any.Type) throws -> WireTable {
        let byte = try reader.peek() >> 5
        guard byte == 4 || byte == 5 || byte == 6 else { throw mismatch(type, path, expected: expected) }
        let start = reader.offset
        var table = WireTable()
        try eachEntry(
            path: path, reserve: { table.named.reserveCapacity(min($0, 16)) },
            element: { position in
                table.numbered.append((Int64(position), reader.offset))
                try skip()
            },
            pair: {
                let start = reader.offset
                switch try reader.next() {
                case .string(let offset, let count):
                    table.named.append(WireTable.Named(offset: offset, count: count, value: reader.offset))
                case .integer(let key): table.numbered.append((key, reader.offset))
                case .double(let key):
                    if let key = Int64(exactly: key) {
                        table.numbered.append((key, reader.offset))
                    } else {
                        table.others += 1
                    }
                default:
                    reader.offset = start
                    try skip()
                    table.others += 1
                }
                try skip()
            })
        noteScan(from: start)
        return table
    }
}
