// Sources put together: products, links, several records a task, columns, headers, random order.
import Testing

@testable import luafleet

@Suite struct InputReaderTests {
    @Test func `one source gives its words in order`() throws {
        #expect(try inputs(InputPlan(sources: [words("a", "b", "")])) == [["a"], ["b"], [""]])
    }

    @Test func `sources combine, the last one fastest`() throws {
        let plan = InputPlan(sources: [words("a", "b"), words("1", "2"), words("x", "y")])
        #expect(
            try inputs(plan).map { $0.joined() } == ["a1x", "a1y", "a2x", "a2y", "b1x", "b1y", "b2x", "b2y"])
    }

    @Test func `:::+ goes in step, and the shortest ends it`() throws {
        let plan = InputPlan(sources: [words("a", "b", "c"), words("1", "2", isLinked: true)])
        #expect(try inputs(plan) == [["a", "1"], ["b", "2"]])
        let product = InputPlan(sources: [words("x", "y"), words("a", "b"), words("1", "2", isLinked: true)])
        #expect(try inputs(product).map { $0.joined() } == ["xa1", "xb2", "ya1", "yb2"])
    }

    @Test func `--link begins the shorter ones again`() throws {
        var plan = InputPlan(sources: [words("a", "b"), words("1", "2", "3", "4", "5"), words("x")])
        plan.isLinked = true
        #expect(try inputs(plan).map { $0.joined() } == ["a1x", "b2x", "a3x", "b4x", "a5x"])
    }

    @Test func `an empty source among several gives nothing`() throws {
        let files = ["empty": ""]
        #expect(try inputs(InputPlan(sources: [words("a"), file("empty")]), files: files) == [])
        #expect(try inputs(InputPlan(sources: [file("empty"), words("a")]), files: files) == [])
        var linked = InputPlan(sources: [words("a", "b"), file("empty")])
        linked.isLinked = true
        #expect(try inputs(linked, files: files) == [])
    }

    @Test func `-n takes several records a task, the last one what is left`() throws {
        var plan = InputPlan(sources: [words("1", "2", "3", "4", "5")])
        plan.recordsPerTask = 2
        #expect(try inputs(plan) == [["1", "2"], ["3", "4"], ["5"]])
    }

    @Test func `columns by a regular expression`() throws {
        var plan = InputPlan(sources: [words("a\tb", "a\t\tc", "one", "")])
        plan.format = .columns(#"\t"#)
        #expect(try inputs(plan) == [["a", "b"], ["a", "", "c"], ["one"], [""]])
        plan = InputPlan(sources: [words("a, b ;c")])
        plan.format = .columns(#" *[,;] *"#)
        #expect(try inputs(plan) == [["a", "b", "c"]])
    }

    @Test(arguments: ["(", "[", "x*", ""])
    func `an expression that separates nothing is an error`(pattern: String) {
        #expect(throws: UsageError.self) { try ColumnPattern(pattern) }
    }

    @Test func `--header takes the names from the first record of each source`() throws {
        var plan = InputPlan(sources: [words("who", "ann", "bob"), file("f")])
        plan.hasHeader = true
        let reader = try InputReader(plan) { (_) throws(UsageError) in chunks("what\nx\n") }
        #expect(reader.columnNames == [Bytes("who".utf8), Bytes("what".utf8)])
        #expect(try inputs(plan, files: ["f": "what\nx\n"]) == [["ann", "x"], ["bob", "x"]])
    }

    @Test func `--shuf gives everything once, the same way for the same seed`() throws {
        let texts = (1...100).map { Bytes(String($0).utf8) }
        var plan = InputPlan(sources: [InputSource(.words(texts))])
        let inOrder = try inputs(plan)
        plan.shuffleSeed = 42
        let shuffled = try inputs(plan)
        #expect(shuffled != inOrder)
        #expect(Set(shuffled) == Set(inOrder))
        #expect(shuffled.count == 100)
        #expect(try inputs(plan) == shuffled)
        plan.shuffleSeed = 43
        #expect(try inputs(plan) != shuffled)
    }

    @Test func `no more is read than was asked for`() throws {
        var reads = 0
        var reader = try InputReader(InputPlan(sources: [file("endless")])) { (_) throws(UsageError) in
            ChunkSource(name: "endless") { () throws(UsageError) in
                reads += 1
                return Bytes("y\n".utf8)
            }
        }
        #expect(reads == 0)
        _ = try reader.next()
        #expect(reads == 1)
        for _ in 0..<999 { _ = try reader.next() }
        #expect(reads == 1000)
    }

    @Test func `an endless source combines with others without being kept`() throws {
        var reader = try InputReader(InputPlan(sources: [file("endless"), words("1", "2")])) { (_) throws(UsageError) in
            ChunkSource(name: "endless") { () throws(UsageError) in Bytes("y\n".utf8) }
        }
        var texts = [String]()
        for _ in 0..<4 { texts.append(try reader.next()!.map { String(decoding: $0.text, as: UTF8.self) }.joined()) }
        #expect(texts == ["y1", "y2", "y1", "y2"])
    }

    @Test func `a file that cannot be read is named`() {
        #expect(throws: UsageError("/no/such: cannot be read: No such file or directory")) {
            _ = try InputReader(InputPlan(sources: [file("/no/such")]))
        }
        #expect(throws: UsageError("/: cannot be read: Is a directory")) {
            var reader = try InputReader(InputPlan(sources: [file("/")]))
            _ = try reader.next()
        }
    }
}
