// Numbers for scripts, so that a worker is told each one once.

/// Gives a script its number for as long as it is used; the least recently used ones are forgotten.
struct ScriptRegistry {
    /// Scripts that workers remember at a time. Smaller: programs with many scripts send them again and again; larger: more memory in every worker.
    static let capacity = 256

    private struct Entry {
        var id: UInt32
        var lastUse: UInt64
    }

    private var entries: [LuaScriptContent: Entry] = [:]
    private var nextID: UInt32 = 1
    private var uses: UInt64 = 0
    /// Also of the only script that there is: it gets an entry when a second one comes.
    private var last: (content: LuaScriptContent, id: UInt32)?

    /// The number of `content`, and the number of a script that is to be forgotten for its sake.
    mutating func id(of content: LuaScriptContent) -> (id: UInt32, evicted: UInt32?) {
        if let last, last.content === content { return (last.id, nil) }
        uses += 1
        var evicted: UInt32?
        let id: UInt32
        guard let former = last else {
            last = (content, nextID)
            nextID += 1
            return (nextID - 1, nil)
        }
        if entries.isEmpty { entries[former.content] = Entry(id: former.id, lastUse: uses - 1) }
        if let entry = entries[content] {
            id = entry.id
            entries[content]?.lastUse = uses
        } else {
            if entries.count >= Self.capacity, let oldest = entries.min(by: { $0.value.lastUse < $1.value.lastUse }) {
                entries[oldest.key] = nil
                evicted = oldest.value.id
            }
            id = nextID
            nextID &+= 1
            entries[content] = Entry(id: id, lastUse: uses)
        }
        last = (content, id)
        return (id, evicted)
    }
}
