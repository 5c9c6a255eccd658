// Who has a handle of what, and the end of objects of which nobody has one.
import LuaFleetWire

extension SharedCore {
    /// Whether `party`, or who keeps its handles, has one of `object`. Only then it may use it.
    func has(_ party: PartyID, _ object: SharedID) -> Bool {
        guard let known = parties[party] else { return false }
        // A task in a process of its own has what its worker had when that was forked.
        return known.references[object] != nil || parties[known.holder]?.references[object] != nil
            || party.isOfWorker && parties[party.process]?.references[object] != nil
    }

    /// Whether the object is there.
    package func exists(_ object: SharedID) -> Bool { heads[object] != nil }
    package func kind(of object: SharedID) -> SharedKind? { heads[object]?.kind }
    package func layout(of object: SharedID) -> MappedLayout? { layouts[object] }

    /// A handle is sent to `party`, or the host takes one. False: there is no such object.
    @discardableResult
    package mutating func retain(_ object: SharedID, for party: PartyID) -> Bool {
        guard heads[object] != nil, let holder = parties[party]?.holder, parties[holder] != nil else { return false }
        heads[object]?.references += 1
        parties[holder]?.references[object, default: 0] += 1
        return true
    }

    /// `party` has let go of `count` handles of it.
    package mutating func forget(_ object: SharedID, count: Int, by party: PartyID) {
        guard let holder = parties[party]?.holder, let held = parties[holder]?.references[object], count > 0 else {
            return
        }
        let gone = min(count, held)
        parties[holder]?.references[object] = gone == held ? nil : held - gone
        drop(object, gone)
    }

    /// Stored values keep what they refer to.
    mutating func retain(_ item: SharedItem) {
        for handle in item.handles { heads[handle.id]?.references += 1 }
    }

    /// A stored value is gone.
    mutating func release(_ item: SharedItem) {
        for handle in item.handles { drop(handle.id, 1) }
    }

    /// The first handle in a value that `party` cannot send: it has none itself, or it names another kind.
    func invalidHandle(in item: SharedItem, from party: PartyID) -> SharedHandle? {
        item.handles.first { heads[$0.id]?.kind.rawValue != $0.kind || !has(party, $0.id) }
    }

    mutating func drop(_ object: SharedID, _ count: Int) {
        guard let references = heads[object]?.references else { return }
        heads[object]?.references = references - count
        if references <= count { free(object) }
    }

    /// Nobody has it any more. What its values refer to may go with it: one after the other, however long the chain is.
    mutating func free(_ first: SharedID) {
        var gone = [first]
        while let object = gone.popLast() {
            guard let head = heads.removeValue(forKey: object) else { continue }
            if let name = head.name { names[name] = nil }
            for place in [LineKey.Place.main, .room, .join, .any] {
                for index in waits.all(object, place) where waits.first(object, place) != nil {
                    if case .watch(let root) = waits[index].purpose {
                        let request = waits[root].request
                        finishWait(root)
                        reply(request, .done)
                    } else {
                        let request = abandonWait(index).request
                        reply(request, .failed("the \(head.kind.word) is gone"))
                    }
                }
            }
            if lent.removeValue(forKey: object) != nil, layouts[object] == nil { actions.append(.endLent(object)) }
            for item in removeState(of: object, head.kind) {
                for handle in item.handles {
                    guard let references = heads[handle.id]?.references else { continue }
                    heads[handle.id]?.references = references - 1
                    if references <= 1 { gone.append(handle.id) }
                }
            }
        }
    }

    /// Takes an object's state away; returns the values that stood in it.
    private mutating func removeState(of object: SharedID, _ kind: SharedKind) -> [SharedItem] {
        switch kind {
        case .queue, .joinableQueue, .simpleQueue:
            guard let queue = queues.removeValue(forKey: object) else { return [] }
            return queue.items.elements + queue.inHand.values.flatMap { $0 }
        case .connection:
            guard let end = ends.removeValue(forKey: object) else { return [] }
            if ends[end.peer] != nil { peerClosed(end.peer) }
            return end.inbox.elements
        case .lock, .recursiveLock:
            locks[object] = nil
            lockConditions[object] = nil
        case .semaphore, .boundedSemaphore: semaphores[object] = nil
        case .event: events[object] = nil
        case .condition:
            guard let lock = conditions.removeValue(forKey: object) else { return [] }
            lockConditions[lock]?.removeAll { $0 == object }
            touch(lock)
            return [SharedItem(bytes: [], handles: [SharedHandle(kind: 0, id: lock)])]
        case .barrier: barriers[object] = nil
        case .dictionary, .list, .namespace:
            guard let table = tables.removeValue(forKey: object) else { return [] }
            if table.budget != WaitTable.none { _ = waits.remove(table.budget) }
            return table.items
        case .value, .array, .memory, .shareableList:
            locks[object] = nil
            if layouts.removeValue(forKey: object) != nil { actions.append(.discard(object)) }
        }
        return []
    }

    mutating func close(_ object: SharedID, _ head: Head, _ id: SharedRequestID, _ party: PartyID) {
        if head.kind.isQueue {
            closeQueue(object)
        } else if head.kind == .connection {
            closeEnd(object)
        }
        // Closing anything else only lets go of the handle, which its owner does itself.
        reply(id, .done)
    }
}
