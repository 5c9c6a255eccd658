// What `luafleet doctor` prints: a value, and the table it becomes.

struct DoctorReport: Equatable, Sendable {
    enum Mark: String, Sendable {
        case good = "ok"
        case missing = "--"
        case bad = "!!"
        /// Neither good nor bad: a fact.
        case fact = ""
    }

    struct Row: Equatable, Sendable {
        var mark: Mark
        var name: String
        var value: String
        /// Lines below, indented.
        var notes: [String] = []

        init(_ mark: Mark, _ name: String, _ value: String, notes: [String] = []) {
            (self.mark, self.name, self.value, self.notes) = (mark, name, value, notes)
        }
    }

    struct Section: Equatable, Sendable {
        var title: String
        var rows: [Row]
    }

    var sections: [Section]

    /// Whether scripts can run here.
    var isHealthy: Bool {
        !sections.contains { $0.rows.contains { $0.mark == .bad } }
    }

    /// Columns in step over all sections.
    var text: String {
        let width = sections.flatMap(\.rows).map(\.name.count).max() ?? 0
        var lines = [String]()
        for section in sections {
            if !lines.isEmpty { lines.append("") }
            lines.append(section.title)
            for row in section.rows {
                let name = row.name + String(repeating: " ", count: width - row.name.count)
                let mark = row.mark.rawValue + String(repeating: " ", count: 2 - row.mark.rawValue.count)
                lines.append("  \(mark) \(name)  \(row.value)")
                lines += row.notes.map { String(repeating: " ", count: width + 7) + $0 }
            }
        }
        return lines.joined(separator: "\n") + "\n"
    }
}
