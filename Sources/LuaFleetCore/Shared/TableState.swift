// The content of one shared table: a list part of the keys 1…n and the other entries in the order in which they came.
import LuaFleetWire

struct TableState {
    let kind: SharedKind
    /// Values without the head of a message; a nested table is its handle.
    private(set) var array: [SharedItem] = []
    private var places: [SharedKey: Int] = [:]
    private var entries: [(key: SharedKey, value: SharedItem)?] = []
    /// Who runs an update, and the wait that ends its budget.
    var updater: PartyID?
    var budget: UInt32 = WaitTable.none

    init(kind: SharedKind) {
        self.kind = kind
    }

    var count: Int { array.count + places.count }
    /// Every value.
    var items: [SharedItem] { array + entries.compactMap { $0?.value } }

    func get(_ key: SharedKey) -> SharedItem? {
        if case .integer(let position) = key, position >= 1, position <= array.count { return array[Int(position) - 1] }
        return places[key].flatMap { entries[$0]?.value }
    }

    /// Sets or, with nil, removes; returns what stood there. A list has no holes: its last item only can be removed by nil.
    mutating func set(_ key: SharedKey, _ value: SharedItem?) -> SharedItem? {
        if case .integer(let position) = key, position >= 1 {
            if position <= array.count {
                let place = Int(position) - 1
                let before = array[place]
                if let value {
                    array[place] = value
                } else {
                    // What stood behind a hole are other entries from now on.
                    for later in (place + 1)..<max(place + 1, array.count) {
                        add(.integer(Int64(later + 1)), array[later])
                    }
                    array.removeSubrange(place...)
                }
                return before
            }
            if position == array.count + 1, let value {
                let before = removeEntry(key)
                array.append(value)
                while let next = removeEntry(.integer(Int64(array.count + 1))) { array.append(next) }
                return before
            }
        }
        if let value {
            if let place = places[key] {
                let before = entries[place]?.value
                entries[place] = (key, value)
                return before
            }
            add(key, value)
            return nil
        }
        return removeEntry(key)
    }

    mutating func insert(_ value: SharedItem, at place: Int) {
        array.insert(value, at: place)
    }

    mutating func remove(at place: Int) -> SharedItem {
        array.remove(at: place)
    }

    mutating func removeAll() {
        array = []
        places = [:]
        entries = []
    }

    /// Key, value, key, value: values of a message.
    func writeEntries(to writer: inout ValueWriter) {
        for (position, value) in array.enumerated() {
            writer.integer(Int64(position + 1))
            value.bytes.withUnsafeBytes { writer.encoded($0) }
        }
        for case let (key, value)? in entries {
            key.write(to: &writer)
            value.bytes.withUnsafeBytes { writer.encoded($0) }
        }
    }

    private mutating func add(_ key: SharedKey, _ value: SharedItem) {
        places[key] = entries.count
        entries.append((key, value))
    }

    private mutating func removeEntry(_ key: SharedKey) -> SharedItem? {
        guard let place = places.removeValue(forKey: key) else { return nil }
        let value = entries[place]?.value
        entries[place] = nil
        if entries.count >= 32, places.count * 2 < entries.count {
            entries.removeAll { $0 == nil }
            for (place, entry) in entries.enumerated() where entry != nil { places[entry!.key] = place }  // not nil
        }
        return value
    }
}
