// Placeholders, as GNU parallel fills them in.
import LuaFleet
import Testing

@testable import luafleet

private func record(_ texts: String...) -> InputRecord {
    texts.map { .text(Bytes($0.utf8)) }
}

private func fill(_ template: String, _ input: InputRecord, names: [String] = []) -> String {
    let template = Template(Bytes(template.utf8), columnNames: names.map { Bytes($0.utf8) })
    return String(decoding: template.filled(input, index: 7, slot: 2), as: UTF8.self)
}

@Suite struct TemplateTests {
    @Test(arguments: [
        ("{}", "dir/a.tar.gz"), ("{.}", "dir/a.tar"), ("{/}", "a.tar.gz"), ("{//}", "dir"), ("{/.}", "a.tar"),
        ("{#}", "7"), ("{%}", "2"), ("{1}", "dir/a.tar.gz"), ("{1/.}", "a.tar"), ("{2}", ""),
        ("<{}>{}", "<dir/a.tar.gz>dir/a.tar.gz"),
        ("plain", "plain"), ("{x}", "{x}"), ("{", "{"), ("{0}", "{0}"), ("{{}}", "{dir/a.tar.gz}"), ("", ""),
    ])
    func `placeholders of a path`(template: String, expected: String) {
        #expect(fill(template, record("dir/a.tar.gz")) == expected)
    }

    @Test func `names without folder or extension, and hidden files, as GNU parallel has them`() {
        #expect(fill("{.} {/} {//} {/.}", record("plain")) == "plain plain . plain")
        #expect(fill("{.}|{/.}|{//}", record("d.x/.hidden")) == "d.x/||d.x")
        #expect(fill("{//}", record("/top")) == "/")
        #expect(fill("{.}|{/}|{//}", record("a.b/")) == "a.b/||.")
        #expect(fill("{//}", record("//a//b//")) == "//a")
        #expect(fill("{.}|{//}", record("")) == "|.")
    }

    @Test func `columns by number and by name`() {
        let input = record("a b", "c.txt")
        #expect(fill("{2}-{1}", input) == "c.txt-a b")
        #expect(fill("{}", input) == "a b c.txt")
        #expect(fill("{file.}/{who}", input, names: ["who", "file"]) == "c/a b")
    }

    @Test func `without a placeholder the input follows the arguments`() {
        let templates = ["-v"].map { Template(Bytes($0.utf8)) }
        #expect(Template.arguments(templates, input: record("x"), index: 1, slot: 1) == record("-v", "x"))
    }

    @Test func `{} alone is an argument for every column, and values keep their type`() {
        let templates = ["{}", "--n={2}", "{2}"].map { Template(Bytes($0.utf8)) }
        let input: InputRecord = [.text(Bytes("a b".utf8)), .json(.integer(5))]
        #expect(
            Template.arguments(templates, input: input, index: 1, slot: 1)
                == input + record("--n=5") + [.json(.integer(5))])
    }
}
