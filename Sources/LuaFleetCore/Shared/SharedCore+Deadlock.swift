// A ring of parties each of which waits for what the next one has: named instead of waited in for ever.

extension SharedCore {
    /// What owns it now: a lock, or a table that is being updated.
    private func owner(of object: SharedID) -> PartyID? {
        locks[object]?.owner ?? tables[object]?.updater
    }

    /// What `party` waits for, where only its owner can end the wait.
    private func wish(of party: PartyID) -> SharedID? {
        guard let index = parties[party]?.waits.first(where: { isForOwner($0) }) else { return nil }
        return waits[index].object
    }

    private func isForOwner(_ index: UInt32) -> Bool {
        let wait = waits[index]
        guard !wait.isTimed else { return false }
        switch wait.purpose {
        case .lock, .write: return true
        default: return false
        }
    }

    /// The report, if `party` would close a ring by waiting for `object`. A ring with a wait that ends by itself is none.
    func deadlock(_ party: PartyID, waitingFor object: SharedID, isTimed: Bool) -> String? {
        guard !isTimed else { return nil }
        var links: [String] = []
        var waiting = party
        var wanted = object
        while let holder = owner(of: wanted) {
            links.append("\(name(of: waiting)) waits for \(describe(wanted)), which \(name(of: holder)) holds")
            if holder == party {
                return "a deadlock: " + links.joined(separator: "; ")
            }
            guard links.count <= parties.count, let next = wish(of: holder) else { return nil }
            waiting = holder
            wanted = next
        }
        return nil
    }
}
