// Requests to shared tables: reading, writing, updating.
import LuaFleetWire

extension SharedCore {
    mutating func tableRequest(_ request: SharedRequest, _ head: Head, _ id: SharedRequestID, _ party: PartyID) {
        let object = request.object
        // Never a whole table in a variable before a change: the second reference would make it copy all entries.
        guard tables[object] != nil else { return refuse(request, head, id) }
        switch request.operation {
        case .tableGet:
            let (key, _, why) = read(request, party, values: false)
            guard let key else { return fail(request, id, why ?? "no such key") }
            reply(id, SharedAnswer(.done, message(of: tables[object]?.get(key))), to: party)
        case .tableCount:
            let isNamespace = tables[object]?.kind == .namespace
            reply(id, .integer(Int64((isNamespace ? tables[object]?.count : tables[object]?.array.count) ?? 0)))
        case .tableEntries:
            guard let table = tables[object] else { return }
            var item = SharedItem.values {
                $0.array(count: table.count * 2)
                table.writeEntries(to: &$0)
            }
            item.handles = table.items.flatMap(\.handles)
            reply(id, SharedAnswer(.done, item), to: party)
        case .endUpdate:
            guard tables[object]?.updater == party else {
                if request.argument != 0 { return reply(id, .done) }
                return fail(request, id, "the update took longer than its budget")
            }
            if request.argument == 0, let why = write(request, id, party) { fail(request, id, why) }
            if request.argument != 0 { reply(id, .done) }
            endUpdate(object)
        default:
            if tables[object]?.updater == party {
                return fail(request, id, "the function of an update cannot change the table that it updates")
            }
            guard tables[object]?.updater == nil, waits.first(object) == nil else {
                if let report = deadlock(party, waitingFor: object, isTimed: false) { return fail(request, id, report) }
                var wait = Wait(request: id, party: party, object: object, purpose: .write)
                wait.write = request
                let index = waits.add(wait, to: LineKey(object: object, place: .main))
                parties[party]?.waits.insert(index)
                return
            }
            perform(request, id, party)
        }
    }

    private func message(of value: SharedItem?) -> SharedItem {
        guard let value else { return .values { $0.null() } }
        return SharedItem(bytes: [0x81] + value.bytes, handles: value.handles)
    }

    /// The key and, if wanted, the value of a request; or what is wrong with them.
    private mutating func read(
        _ request: SharedRequest, _ party: PartyID, values: Bool
    ) -> (key: SharedKey?, value: SharedItem?, why: String?) {
        if let bad = invalidHandle(in: request.item, from: party) {
            return (nil, nil, "the value holds a shared object that is not there (#\(bad.id))")
        }
        var shared: [SharedID] = []
        return request.item.bytes.withUnsafeBytes { bytes in
            do throws(ValueError) {
                var reader = try ValueReader(bytes)
                guard case .array(let count) = try reader.next(), count >= (values ? 2 : 1) else {
                    return (nil, nil, "malformed")
                }
                guard let key = try SharedKey(&reader, bytes) else {
                    return (nil, nil, "a key of a shared table is a string, a number or a boolean")
                }
                guard values else { return (key, nil, nil) }
                let (value, why) = try readValue(&reader, bytes, 1, &shared)
                return (why == nil ? key : nil, value, why)
            } catch {
                return (nil, nil, "\(error)")
            }
        }
    }

    /// Nobody updates the table: it is this request's turn.
    private mutating func perform(_ request: SharedRequest, _ id: SharedRequestID, _ party: PartyID) {
        let object = request.object
        switch request.operation {
        case .tableSet:
            if let why = write(request, id, party) { fail(request, id, why) }
        case .beginUpdate:
            let (key, _, why) = read(request, party, values: false)
            guard let key else { return fail(request, id, why ?? "no such key") }
            let budget = Wait(request: 0, party: party, object: object, purpose: .budget)
            tables[object]?.updater = party
            tables[object]?.budget = waits.add(budget, due: now + (request.timeout ?? Self.updateBudget))
            parties[party]?.locks.append(object)
            reply(id, SharedAnswer(.done, message(of: tables[object]?.get(key))), to: party)
        case .tableInsert, .tableRemove:
            shift(request, id, party)
        default:
            let items = tables[object]?.items ?? []
            tables[object]?.removeAll()
            for item in items { release(item) }
            reply(id, .done)
        }
    }

    /// Sets a key. Answers, or says what is wrong.
    private mutating func write(_ request: SharedRequest, _ id: SharedRequestID, _ party: PartyID) -> String? {
        let (key, value, why) = read(request, party, values: true)
        guard let key, let kind = tables[request.object]?.kind, let last = tables[request.object]?.array.count else {
            return why ?? "malformed"
        }
        if let wrong = wrongKey(key, isSet: value != nil, in: kind, last: last) {
            if let value { release(value) }
            return wrong
        }
        if let former = tables[request.object]?.set(key, value) { release(former) }
        reply(id, .done)
        return nil
    }

    private func wrongKey(_ key: SharedKey, isSet: Bool, in kind: SharedKind, last: Int) -> String? {
        switch (kind, key) {
        case (.list, .integer(let position)):
            if position >= 1, position <= last + (isSet ? 1 : 0), isSet || position == last { return nil }
            return isSet
                ? "index \(position) is outside of 1…\(last + 1)"
                : "only the last item (\(last)) can be set to nil, not \(position): use remove"
        case (.list, _): return "an index of a list is an integer"
        case (.namespace, .string): return nil
        case (.namespace, _): return "a name in a namespace is a string"
        default: return nil
        }
    }

    /// Inserts or removes an item of the list part; those behind it move.
    private mutating func shift(_ request: SharedRequest, _ id: SharedRequestID, _ party: PartyID) {
        guard let count = tables[request.object]?.array.count else { return }
        let isInsert = request.operation == .tableInsert
        var position = Int64(isInsert ? count + 1 : count)
        var value: SharedItem?
        let (key, item, why) = read(request, party, values: isInsert)
        guard let key else { return fail(request, id, why ?? "malformed") }
        if case .integer(let asked) = key, asked != 0 { position = asked }
        value = item
        guard position >= 1, position <= count + (isInsert ? 1 : 0) else {
            if let value { release(value) }
            if !isInsert, count == 0, position == 0 { return reply(id, SharedAnswer(.done, message(of: nil))) }
            return fail(request, id, "index \(position) is outside of 1…\(count + (isInsert ? 1 : 0))")
        }
        if isInsert {
            guard let value else { return fail(request, id, "nil cannot be inserted") }
            tables[request.object]?.insert(value, at: Int(position) - 1)
            reply(id, .done)
        } else if let removed = tables[request.object]?.remove(at: Int(position) - 1) {
            reply(id, SharedAnswer(.done, message(of: removed)), to: party)
            release(removed)
        }
    }

    // MARK: Updates

    /// The update is over, done or not: the next writers have their turn.
    mutating func endUpdate(_ object: SharedID) {
        guard let updater = tables[object]?.updater, let budget = tables[object]?.budget else { return }
        if budget != WaitTable.none { _ = waits.remove(budget) }
        tables[object]?.budget = WaitTable.none
        tables[object]?.updater = nil
        if let place = parties[updater]?.locks.lastIndex(of: object) { parties[updater]?.locks.remove(at: place) }
        while tables[object]?.updater == nil, tables[object] != nil, let next = waits.first(object) {
            let wait = finishWait(next)
            if let request = wait.write { perform(request, wait.request, wait.party) }
        }
    }

    /// The function took too long: what it returns will not count.
    mutating func budgetEnded(_ index: UInt32) {
        endUpdate(waits[index].object)
    }
}
