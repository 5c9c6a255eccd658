// Sources out of memory, cut into chunks of any size, and readers emptied into arrays.
@testable import luafleet

/// Gives `text` in pieces of `size` bytes.
func chunks(_ text: String, size: Int = 4096, name: String = "in.txt") -> ChunkSource {
    var rest = Bytes(text.utf8)[...]
    return ChunkSource(name: name) { () throws(UsageError) in
        let piece = rest.prefix(size)
        rest = rest.dropFirst(size)
        return Bytes(piece)
    }
}

/// Every record as its columns' texts; files come from `files`.
func inputs(_ plan: InputPlan, files: [String: String] = [:], chunk: Int = 4096) throws(UsageError) -> [[String]] {
    var reader = try InputReader(plan) { (file) throws(UsageError) in
        let name = String(decoding: file, as: UTF8.self)
        guard let text = files[name] else { throw UsageError("\(name): cannot be read: not in this test") }
        return chunks(text, size: chunk, name: name)
    }
    var all = [[String]]()
    while let record = try reader.next() { all.append(record.map { String(decoding: $0.text, as: UTF8.self) }) }
    return all
}

func words(_ texts: String..., isLinked: Bool = false) -> InputSource {
    InputSource(.words(texts.map { Bytes($0.utf8) }), isLinked: isLinked)
}

func file(_ name: String, isLinked: Bool = false) -> InputSource {
    InputSource(.file(Bytes(name.utf8)), isLinked: isLinked)
}
