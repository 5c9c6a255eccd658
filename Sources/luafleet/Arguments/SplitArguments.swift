// The raw arguments of `run`, cut at GNU parallel's separators before any option is read: what follows them is never an option.

/// `luafleet run SCRIPT -k -- ARGUMENT ::: a b :::+ 1 2` in its parts.
struct SplitArguments: Equatable, Sendable {
    /// Scripts and options: what stands before `--` and the first separator.
    var options: [Bytes] = []
    /// After `--`, up to the first separator; nil where there is no `--`.
    var scriptArguments: [Bytes]?
    var sources: [InputSource] = []

    /// Nothing to cut.
    init(options: [Bytes]) {
        self.options = options
    }

    /// `arguments` without the program's name.
    init(_ arguments: [Bytes]) throws(UsageError) {
        let firstSeparator = arguments.firstIndex { Separator(rawValue: String(decoding: $0, as: UTF8.self)) != nil }
        let (head, tail) = (
            arguments[..<(firstSeparator ?? arguments.endIndex)], arguments[(firstSeparator ?? arguments.endIndex)...]
        )
        if let end = head.firstIndex(of: Bytes("--".utf8)) {
            options = Array(head[..<end])
            scriptArguments = Array(head[(end + 1)...])
        } else {
            options = Array(head)
        }
        try cutSources(tail)
    }

    private enum Separator: String {
        case words = ":::"
        case linkedWords = ":::+"
        case files = "::::"
        case linkedFiles = "::::+"
    }

    private mutating func cutSources(_ tail: ArraySlice<Bytes>) throws(UsageError) {
        var rest = tail
        while let first = rest.popFirst() {
            // Always a separator: the tail begins with one, and a group ends where the next one stands.
            guard let separator = Separator(rawValue: String(decoding: first, as: UTF8.self)) else { return }
            let group = rest.prefix { Separator(rawValue: String(decoding: $0, as: UTF8.self)) == nil }
            rest = rest.dropFirst(group.count)
            let isLinked = separator == .linkedWords || separator == .linkedFiles
            switch separator {
            case .words, .linkedWords:
                if group.isEmpty { throw UsageError("no input: nothing follows \(separator.rawValue)") }
                sources.append(.init(.words(Array(group)), isLinked: isLinked))
            case .files, .linkedFiles:
                if group.isEmpty { throw UsageError("no input: no file follows \(separator.rawValue)") }
                for file in group { sources.append(.init(.file(file), isLinked: isLinked)) }
            }
        }
    }
}
