// What comes into shared tables: nested tables become shared tables of their own.
import LuaFleetWire

extension SharedCore {
    /// Deeper tables than this cannot be assigned. Each level is a call here.
    private static let depthLimit = 100

    mutating func makeTable(_ object: SharedID, _ kind: SharedKind, initial: SharedItem, _ party: PartyID) -> String? {
        tables[object] = TableState(kind: kind)
        var shared: [SharedID] = []
        let failure: String? = initial.bytes.withUnsafeBytes { bytes in
            do throws(ValueError) {
                var reader = try ValueReader(bytes)
                guard case .array(let count) = try reader.next(), count >= 1 else { return "malformed" }
                try reader.skip()  // the name
                guard count >= 2 else { return nil }
                switch try reader.next() {
                case .null: return nil
                case .array(let count): return try fill(object, count, isMap: false, &reader, bytes, 1, &shared)
                case .map(let count): return try fill(object, count, isMap: true, &reader, bytes, 1, &shared)
                default: return "it begins with a table of its own, without shared parts"
                }
            } catch {
                return "\(error)"
            }
        }
        if failure != nil {
            for item in tables.removeValue(forKey: object)?.items ?? [] { release(item) }
        }
        return failure
    }

    // MARK: Values that come in

    /// Reads the inside of an array or map into the table; nil, or what is wrong.
    mutating func fill(
        _ object: SharedID, _ count: Int, isMap: Bool, _ reader: inout ValueReader, _ bytes: UnsafeRawBufferPointer,
        _ depth: Int, _ shared: inout [SharedID]
    ) throws(ValueError) -> String? {
        var left = count
        var position: Int64 = 0
        while left != 0 {
            if left < 0, try reader.peek() == ValueByte.end {
                _ = try reader.next()
                return nil
            }
            left -= 1
            position += 1
            var key = SharedKey.integer(position)
            if isMap {
                guard let read = try SharedKey(&reader, bytes) else {
                    return "a key of a shared table is a string, a number or a boolean"
                }
                key = read
            } else {
                let start = reader.offset
                if case .tag(ValueTag.mixed) = try reader.next() {
                    guard case .map(let entries) = try reader.next() else { return "malformed" }
                    if let why = try fill(object, entries, isMap: true, &reader, bytes, depth, &shared) { return why }
                    continue
                }
                reader.offset = start
            }
            let (value, why) = try readValue(&reader, bytes, depth, &shared)
            if let why { return why }
            if let former = tables[object]?.set(key, value) { release(former) }
        }
        return nil
    }

    /// The next value: nil for nil. A table becomes a shared table; what else has handles keeps their objects.
    mutating func readValue(
        _ reader: inout ValueReader, _ bytes: UnsafeRawBufferPointer, _ depth: Int, _ shared: inout [SharedID]
    ) throws(ValueError) -> (SharedItem?, String?) {
        let start = reader.offset
        switch try reader.next() {
        case .null: return (nil, nil)
        case .array(let count):
            return try readTable(count, isMap: false, &reader, bytes, depth, &shared, isShared: false)
        case .map(let count): return try readTable(count, isMap: true, &reader, bytes, depth, &shared, isShared: false)
        case .tag(ValueTag.shared):
            switch try reader.next() {
            case .array(let count):
                return try readTable(count, isMap: false, &reader, bytes, depth, &shared, isShared: true)
            case .map(let count):
                return try readTable(count, isMap: true, &reader, bytes, depth, &shared, isShared: true)
            default: return (nil, "a function or object that is met twice cannot be put into a shared table")
            }
        case .tag(ValueTag.reference):
            let number = try reader.reference(at: start)
            guard number < shared.count else { return (nil, "malformed") }
            return (keep(handleOf: shared[number]), nil)
        default:
            reader.offset = start
            try reader.skip()
            let part = UnsafeRawBufferPointer(rebasing: bytes[start..<reader.offset])
            let item = SharedItem(bytes: Array(part), handles: SharedItem.handles(in: part))
            retain(item)
            return (item, nil)
        }
    }

    private mutating func readTable(
        _ count: Int, isMap: Bool, _ reader: inout ValueReader, _ bytes: UnsafeRawBufferPointer, _ depth: Int,
        _ shared: inout [SharedID], isShared: Bool
    ) throws(ValueError) -> (SharedItem?, String?) {
        guard depth < Self.depthLimit else { return (nil, "tables nested deeper than \(Self.depthLimit) levels") }
        lastID += 1
        let nested = lastID
        let kind = SharedKind.dictionary
        heads[nested] = Head(kind: kind, name: nil)
        tables[nested] = TableState(kind: kind)
        let item = keep(handleOf: nested)
        if isShared { shared.append(nested) }
        if let why = try fill(nested, count, isMap: isMap, &reader, bytes, depth + 1, &shared) {
            release(item)
            return (nil, why)
        }
        return (item, nil)
    }

    /// The handle of a table as a value.
    private mutating func keep(handleOf object: SharedID) -> SharedItem {
        let handle = SharedHandle(kind: (heads[object]?.kind ?? .dictionary).rawValue, id: object)
        var writer = ValueWriter(capacity: 24)
        writer.handle(handle)
        let item = SharedItem(bytes: writer.bytes(), handles: [handle])
        retain(item)
        return item
    }
}
