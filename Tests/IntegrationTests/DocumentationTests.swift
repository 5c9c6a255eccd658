// What the documentation claims to be shown by a test is.
import Foundation
import Testing

@Suite
struct DocumentationTests {
    private let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    /// Lines of the tables: the cells of each.
    private func rows(of page: String) throws -> [[String]] {
        let path = root.appendingPathComponent("Sources/LuaFleet/LuaFleet.docc").appendingPathComponent(page)
        return try String(contentsOf: path, encoding: .utf8).split(separator: "\n")
            .filter { $0.hasPrefix("| ") && !$0.hasPrefix("| Python ") }
            .map { line in
                line.dropFirst().dropLast().split(separator: "|", omittingEmptySubsequences: false)
                    .map { $0.trimmingCharacters(in: .whitespaces) }
            }
    }

    @Test func `each row of the page for those who come from Python names a test that exists`() throws {
        let rows = try rows(of: "FromMultiprocessing.md")
        #expect(rows.count > 60)
        var sources: [String: String] = [:]
        for cells in rows {
            try #require(cells.count == 3, "\(cells)")
            let words = cells[2]
            let parts = words.split(separator: ": \"", maxSplits: 1).map(String.init)
            try #require(parts.count == 2 && parts[1].hasSuffix("\""), "\(words)")
            let file = parts[0].trimmingCharacters(in: ["`"])
            if sources[file] == nil {
                let path = root.appendingPathComponent("Tests/IntegrationTests").appendingPathComponent(file)
                sources[file] = try String(contentsOf: path, encoding: .utf8)
            }
            #expect(sources[file]?.contains("func `" + parts[1].dropLast()) == true, "\(cells[0]): \(words)")
        }
    }
}
