// The raw arguments of `run`, cut at the separators.
import Testing

@testable import luafleet

private func split(_ words: String...) throws(UsageError) -> SplitArguments {
    try SplitArguments(words.map { Bytes($0.utf8) })
}

@Suite struct SplitArgumentsTests {
    @Test func `without separators everything is options`() throws {
        let parts = try split("run", "a.lua", "-k")
        #expect(parts.options == ["run", "a.lua", "-k"].map { Bytes($0.utf8) })
        #expect(parts.scriptArguments == nil)
        #expect(parts.sources.isEmpty)
    }

    @Test func `after ::: everything is an input`() throws {
        let parts = try split("run", "a.lua", ":::", "-k", "--", "", ":::x")
        #expect(parts.options.count == 2)
        #expect(parts.sources == [words("-k", "--", "", ":::x")])
    }

    @Test func `arguments of the script stand between -- and the inputs`() throws {
        let parts = try split("run", "a.lua", "-k", "--", "-v", "--", "{}", ":::", "x")
        #expect(parts.options.count == 3)
        #expect(parts.scriptArguments == ["-v", "--", "{}"].map { Bytes($0.utf8) })
        #expect(parts.sources == [words("x")])
    }

    @Test func `sources of all kinds, in order`() throws {
        let parts = try split("run", "a", ":::", "1", "2", ":::+", "3", "::::", "f", "g", "::::+", "-")
        #expect(
            parts.sources == [
                words("1", "2"), words("3", isLinked: true), InputSource(.file(Bytes("f".utf8))),
                InputSource(.file(Bytes("g".utf8))), InputSource(.file(Bytes("-".utf8)), isLinked: true),
            ])
    }

    @Test func `F55: an input arrives byte for byte`() throws {
        let nasty: [Bytes] = [Bytes("$(rm -rf x); 'q\"".utf8), [0xFF, 0x00, 0x80], Bytes("ü\n".utf8)]
        let parts = try SplitArguments([Bytes("run".utf8), Bytes("a".utf8), Bytes(":::".utf8)] + nasty)
        #expect(parts.sources == [InputSource(.words(nasty))])
    }

    @Test func `sources that cannot be`() {
        #expect(throws: UsageError("no input: nothing follows :::")) { try split("run", "a", ":::") }
        #expect(throws: UsageError("no input: nothing follows :::")) { try split("run", "a", ":::", ":::", "x") }
        #expect(throws: UsageError("no input: no file follows ::::")) { try split("run", "a", "::::") }
    }
}
