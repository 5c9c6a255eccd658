// The fork server's view of the workers' pages: many in one mapping, since each mapping costs every fork.
import CFleetSystem
import LuaFleetWire

/// A forked worker maps its own page; these are kept from it.
struct ServerPages {
    private let file: Int32
    /// Addresses; 0: not mapped yet. Integers, whose arrays need no type made at the start.
    private var mappings: [Int] = []

    init(file: Int32) {
        self.file = file
    }

    /// The page of a slot, which the host has made room for. nil: no memory.
    mutating func page(_ slot: UInt32) -> WorkerPage? {
        let (group, place) = Int(slot).quotientAndRemainder(dividingBy: WorkerPage.slotsPerMapping)
        while mappings.count <= group { mappings.append(0) }
        if mappings[group] == 0 {
            let size = WorkerPage.slotsPerMapping * WorkerPage.size
            guard let memory = lfs_map_file(file, UInt64(group) * UInt64(size), size) else { return nil }
            _ = lfs_keep_from_children(memory, size)
            mappings[group] = Int(bitPattern: memory)
        }
        // Mapped above: not null.
        return WorkerPage(start: UnsafeMutableRawPointer(bitPattern: mappings[group])! + place * WorkerPage.size)
    }

    /// The page of a slot as the only one, for the worker in it.
    func ownPage(_ slot: UInt32) -> WorkerPage? {
        lfs_map_file(file, UInt64(slot) * UInt64(WorkerPage.size), WorkerPage.size).map { WorkerPage(start: $0) }
    }
}
