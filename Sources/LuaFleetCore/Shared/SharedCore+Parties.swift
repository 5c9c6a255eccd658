// What becomes of all that a party had when it ends: locks go on to the next, items go back, barriers break, pipes end.
import LuaFleetWire

extension SharedCore {
    /// A task of the host that has nothing: it need not be known until it asks again.
    package mutating func forgetIdle(_ party: PartyID) {
        guard let record = parties[party], record.waits.isEmpty, record.locks.isEmpty, record.permits.isEmpty,
            record.inHand.isEmpty, record.references.isEmpty
        else { return }
        for barrier in record.barriers { barriers[barrier]?.members.remove(party) }
        parties[party] = nil
    }

    /// The task, or the process, is over. `died`: it did not end by itself but crashed, exited or was killed.
    package mutating func partyEnded(_ party: PartyID, died: Bool, at now: Moment) {
        self.now = now
        guard let record = parties[party] else { return }
        for stranger in record.strangers.sorted(by: { $0.number < $1.number }) {
            partyEnded(stranger, died: died, at: now)
        }
        if party.isOfWorker { parties[party.process]?.strangers.remove(party) }
        for index in record.waits.sorted() where parties[party]?.waits.contains(index) == true {
            let wait = abandonWait(index)
            if wait.purpose == .barrier { breakBarrier(wait.object) }
        }
        for object in parties[party]?.locks ?? [] {
            if tables[object]?.updater == party { endUpdate(object) } else { abandonLock(object, party) }
        }
        for (object, count) in record.permits.sorted(by: { $0.key < $1.key }) where died {
            givePermits(object, count, ownerDied: true)
        }
        for object in record.inHand.sorted() { takeBack(object, party, died: died) }
        for object in record.barriers.sorted() {
            guard barriers[object]?.members.remove(party) != nil else { continue }
            if died { breakBarrier(object) }
        }
        if record.holder == party { endsLose(party, record, died: died) }
        parties[party] = nil
        for (object, count) in record.references.sorted(by: { $0.key < $1.key }) { drop(object, count) }
    }

    /// An end of a pipe ends with the only process that used it; one that nobody had used yet, with the one that died before it could.
    private mutating func endsLose(_ party: PartyID, _ record: Party, died: Bool) {
        for object in record.references.keys.sorted() {
            guard let end = ends[object] else { continue }
            if end.users == [party] || (died && end.users.isEmpty) {
                closeEnd(object)
            } else {
                ends[object]?.users.remove(party)
            }
        }
    }
}
