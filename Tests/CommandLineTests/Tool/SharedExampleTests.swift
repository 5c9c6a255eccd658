// F68: the examples of processes that work together are run, and their output compared.
import Testing

@testable import luafleet

private func example(_ name: String) -> String { repositoryFolder() + "/Scripts/examples/" + name }

@Suite struct SharedExampleTests {
    @Test func `F68: producer, stage and consumer are a pipeline`() {
        let result = Scratch().luafleet(
            "run", "-k", example("producer.lua"), example("stage.lua"), example("consumer.lua"))
        #expect(
            result
                == ToolResult(
                    output: "produced 20 numbers\nsquared 20 numbers\nthe sum is 2870\n", errors: "", status: 0))
    }

    @Test(arguments: ["shared", "fresh-state", "fresh-process"])
    func `F68: a shared counter`(_ isolation: String) {
        let result = Scratch().luafleet(
            "run", "-j", "4", "--isolation", isolation, example("counter.lua"), ":::", "a", "b", "c", "d")
        #expect(result.status == 0, "\(result.errors)")
        let lines = result.output.split(separator: "\n").map(String.init).sorted()
        #expect(lines == ["a added 1000", "b added 1000", "c added 1000", "d added 1000", "hits 4000, total 4000"])
    }

    @Test func `F68: a pool of workers with callbacks`() {
        let result = Scratch().luafleet(
            "run", "-j", "3", example("workers.lua"), ":::", "boss", "worker", "worker")
        #expect(
            result
                == ToolResult(output: "multiples of 3: 3 6 9 12 15 18 21 24 27 30\n1 failed\n", errors: "", status: 0))
    }

    @Test func `F68: a dictionary of a manager`() {
        let result = Scratch().luafleet(
            "run", "-j", "3", example("dictionary.lua"), ":::", "the cat", "the dog", "a dog and a cat")
        #expect(
            result
                == ToolResult(
                    output: """
                        "a dog and a cat" has 15 characters
                        "the cat" has 7 characters
                        "the dog" has 7 characters
                        a 2
                        and 1
                        cat 2
                        dog 2
                        the 2

                        """, errors: "", status: 0))
    }

    @Test func `F68: a duplex pipe`() {
        let result = Scratch().luafleet("run", "-k", "-j", "2", example("pipe.lua"), ":::", "ping", "pong")
        #expect(result == ToolResult(output: "pong 10\npong 20\npong 30\nthe end: closed\n", errors: "", status: 0))
    }
}
