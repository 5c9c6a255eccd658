// GNU parallel's placeholders in one argument: {} {.} {/} {//} {/.} {#} {%} {1} {2.} {name}. No shell sees what they become.

/// An argument with placeholders, read once and filled in for every task.
struct Template: Equatable, Sendable {
    enum Column: Equatable, Sendable {
        /// `{}`: every column, separated by spaces.
        case all
        /// `{2}`, from 1.
        case number(Int)
    }

    enum Transform: String, CaseIterable, Sendable {
        case none = ""
        case withoutExtension = "."
        case baseName = "/"
        case folder = "//"
        case baseNameWithoutExtension = "/."
    }

    enum Piece: Equatable, Sendable {
        case literal(Bytes)
        case input(Column, Transform)
        /// `{#}`: the number of the task, from 1.
        case sequence
        /// `{%}`: which of the -j places it runs in, from 1.
        case slot
    }

    private(set) var pieces: [Piece] = []

    /// What stands in braces and is no placeholder stays as it is. `columnNames` are those of `--header`.
    init(_ text: Bytes, columnNames: [Bytes] = []) {
        var literal = Bytes()
        var rest = text[...]
        while let byte = rest.first {
            if byte == UInt8(ascii: "{"), let end = rest.firstIndex(of: UInt8(ascii: "}")),
                let piece = Self.placeholder(Bytes(rest[(rest.startIndex + 1)..<end]), columnNames)
            {
                if !literal.isEmpty { pieces.append(.literal(literal)) }
                literal = []
                pieces.append(piece)
                rest = rest[(end + 1)...]
            } else {
                literal.append(byte)
                rest = rest.dropFirst()
            }
        }
        if !literal.isEmpty { pieces.append(.literal(literal)) }
    }

    private static func placeholder(_ inside: Bytes, _ columnNames: [Bytes]) -> Piece? {
        if inside == Bytes("#".utf8) { return .sequence }
        if inside == Bytes("%".utf8) { return .slot }
        // The longest ending first: "/." ends in ".", too.
        for transform in Transform.allCases.sorted(by: { $0.rawValue.count > $1.rawValue.count }) {
            let ending = Bytes(transform.rawValue.utf8)
            guard inside.count >= ending.count, inside.suffix(ending.count).elementsEqual(ending) else { continue }
            let name = inside.dropLast(ending.count)
            if name.isEmpty { return .input(.all, transform) }
            if let position = columnNames.firstIndex(of: Bytes(name)) {
                return .input(.number(position + 1), transform)
            }
            if let number = Int(String(decoding: name, as: UTF8.self)), number > 0 {
                return .input(.number(number), transform)
            }
        }
        return nil
    }

    /// As in GNU parallel, {#} and {%} count, too: who numbers the tasks does not want the input as well.
    var hasPlaceholder: Bool {
        pieces.contains { if case .literal = $0 { false } else { true } }
    }

    /// A column that is not there is empty, as in GNU parallel.
    func filled(_ input: InputRecord, index: Int, slot: Int) -> Bytes {
        var result = Bytes()
        for piece in pieces {
            switch piece {
            case .literal(let bytes): result += bytes
            case .sequence: result += Bytes(String(index).utf8)
            case .slot: result += Bytes(String(slot).utf8)
            case .input(.all, let transform):
                result += Bytes(input.map { transform.applied(to: $0.text) }.joined(separator: [UInt8(ascii: " ")]))
            case .input(.number(let number), let transform):
                if number <= input.count { result += transform.applied(to: input[number - 1].text) }
            }
        }
        return result
    }

    /// A task's arguments. `{}` alone becomes an argument for every column, `{2}` alone that column as the value it is; without
    /// any placeholder, the input follows the arguments.
    static func arguments(_ templates: [Template], input: InputRecord, index: Int, slot: Int) -> InputRecord {
        var arguments = InputRecord()
        for template in templates {
            switch (template.pieces.count, template.pieces.first) {
            case (1, .input(.all, .none)): arguments += input
            case (1, .input(.number(let number), .none)) where number <= input.count:
                arguments.append(input[number - 1])
            default: arguments.append(.text(template.filled(input, index: index, slot: slot)))
            }
        }
        return templates.contains { $0.hasPlaceholder } ? arguments : arguments + input
    }
}

extension Template.Transform {
    /// As GNU parallel does it, also for hidden files: `{.}` takes away what stands from the last dot of the name on.
    func applied(to path: Bytes) -> Bytes {
        switch self {
        case .none: path
        case .baseName: Bytes(Self.name(path))
        case .folder: Self.folder(path)
        case .withoutExtension: Bytes(Self.withoutExtension(path[...]))
        case .baseNameWithoutExtension: Bytes(Self.withoutExtension(Self.name(path)))
        }
    }

    private static let slash = UInt8(ascii: "/")

    private static func name(_ path: Bytes) -> ArraySlice<UInt8> {
        path[(path.lastIndex(of: slash).map { $0 + 1 } ?? 0)...]
    }

    private static func withoutExtension(_ path: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        guard let dot = path.lastIndex(of: UInt8(ascii: ".")), !path[dot...].contains(slash) else { return path }
        return path[..<dot]
    }

    /// dirname(3).
    private static func folder(_ path: Bytes) -> Bytes {
        func withoutSlashes(_ path: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
            path[..<(path.lastIndex { $0 != slash }.map { $0 + 1 } ?? path.startIndex)]
        }
        let whole = withoutSlashes(path[...])
        guard let end = whole.lastIndex(of: slash) else { return [path.first == slash ? slash : UInt8(ascii: ".")] }
        let folder = withoutSlashes(whole[..<end])
        return folder.isEmpty ? [slash] : Bytes(folder)
    }
}
