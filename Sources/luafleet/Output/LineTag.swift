// --tag and --tagstring: every line says whose it is.

extension Bytes {
    /// `tag` and a tab before every line; a last line without line feed stays without, as in GNU parallel.
    func tagged(_ tag: Bytes?) -> Bytes {
        guard let tag, !isEmpty else { return self }
        var tagged = Bytes()
        tagged.reserveCapacity(count + tag.count + 1)
        for line in self.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).dropLastIfEmpty() {
            tagged += tag
            tagged.append(UInt8(ascii: "\t"))
            tagged += line
            tagged.append(UInt8(ascii: "\n"))
        }
        if last != UInt8(ascii: "\n") { tagged.removeLast() }
        return tagged
    }
}

extension Array where Element == ArraySlice<UInt8> {
    /// What stands after the last line feed is no line if it is nothing.
    fileprivate func dropLastIfEmpty() -> ArraySlice<Element> {
        last?.isEmpty == true ? dropLast() : self[...]
    }
}

/// Output of tasks while they run: --line-buffer and --ungroup. A value: chunks in, what is to be printed out.
struct LiveOutput: Sendable {
    struct Stream: Hashable, Sendable {
        var task: Int
        var isError: Bool
    }

    /// A line longer than this is printed in parts; else one task could fill the memory.
    static let lineLimit = 1 << 20

    let buffering: OutputPlan.Buffering
    private var partial: [Stream: Bytes] = [:]

    init(_ buffering: OutputPlan.Buffering) {
        self.buffering = buffering
    }

    /// A task has written `bytes`; what of it is to be printed now.
    mutating func wrote(_ bytes: Bytes, to stream: Stream, tag: Bytes?) -> Bytes {
        guard buffering == .line else { return bytes }
        var text = partial.removeValue(forKey: stream) ?? []
        text += bytes
        let end = text.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
        guard text.count - end <= Self.lineLimit else { return text.tagged(tag) }
        if end < text.count { partial[stream] = Bytes(text[end...]) }
        return Bytes(text[..<end]).tagged(tag)
    }

    /// A task has ended: what is left of its last line, with a line feed, so that nobody else's text goes on in it.
    mutating func ended(_ stream: Stream, tag: Bytes?) -> Bytes {
        guard let rest = partial.removeValue(forKey: stream), !rest.isEmpty else { return [] }
        return (rest + [UInt8(ascii: "\n")]).tagged(tag)
    }
}
