// Pipes between real workers and the host.
import Foundation
import LuaFleet
import Testing

@Suite
struct PipeTests {
    @Test(arguments: LuaIsolation.allCases)
    func `F49: ping-pong over a duplex pipe`(_ isolation: LuaIsolation) async throws {
        try await withPool(1, isolation: isolation) { pool in
            let pipe = try LuaPipe()
            async let echo: LuaResults = pool.call(
                .source(
                    "local c = ... local n = 0 while true do local v, why = c:recv() if v == nil then return n, why end c:send(v * 2) n = n + 1 end"
                ),
                pipe.second)
            for number in 1...100 {
                try await pipe.first.send(number)
                #expect(try await pipe.first.receive(Int.self) == number * 2)
            }
            try pipe.first.close()
            let end = try await echo
            #expect(Array(end) == [100, "closed"])
        }
    }

    @Test(arguments: LuaIsolation.allCases)
    func `F49: the end of the stream comes when the peer is killed, also while it never used its end`(
        _ isolation: LuaIsolation
    ) async throws {
        try await withPool(2, isolation: isolation) { pool in
            for script in ["local c = ... c:send('last words') os.exit(1)", "os.exit(1)"] {
                let pipe = try LuaPipe()
                let doomed = Task { () -> LuaResults in try await pool.call(.source(script), pipe.second) }
                var received: [String] = []
                while let word = try await pipe.first.receive(String.self) { received.append(word) }
                #expect(received == (script.contains("send") ? ["last words"] : []))
                await #expect(throws: LuaFleetError.self) { try await doomed.value }
                await #expect(throws: LuaFleetError.self) { try await pipe.first.send(1) }
            }
        }
    }

    @Test func `F49: one-way ends, poll, close, and errors that name the connection`() async throws {
        let lines = try await transcript(
            """
            local receiver, sender = fleet.Pipe(false)
            text(pcall(function() receiver:send(1) end))
            text(pcall(function() sender:recv() end))
            text(receiver:poll(), receiver:poll(0.001), receiver:recv(0.001))
            sender:send("x")
            text(receiver:poll(), receiver:poll(10), fleet.wait({receiver})[1] == receiver, receiver:recv())
            sender:send("y") sender:close()
            text(pcall(function() sender:send("z") end))
            text(receiver:recv()) text(receiver:recv()) text(receiver:poll())
            local a, b = fleet.Pipe() b:close()
            text(pcall(function() a:send(1) end))
            """)
        #expect(
            lines == """
                false connection #N: this end only receives
                false connection #N: this end only sends
                false false nil timeout
                true true true x
                false connection #N: it is closed
                y
                nil closed
                true
                false connection #N: the other end is closed
                """)
    }

    @Test func `F49: waiting for several queues and connections tells which are ready`() async throws {
        try await withPool(2) { pool in
            let queue = try LuaQueue()
            let pipe = try LuaPipe()
            let event = try LuaEvent()
            #expect(try await waitForAny([queue, pipe.first, event], timeout: .milliseconds(1)) == [])
            async let sent: LuaResults = pool.call(.source("local c = ... c:send(1)"), pipe.second)
            #expect(try await waitForAny([queue, pipe.first, event]) == [1])
            _ = try await sent
            try await queue.put(1)
            #expect(try await waitForAny([queue, pipe.first, event]) == [0, 1])
            let waiting = Task { try await waitForAny([event]) }
            waiting.cancel()
            await #expect(throws: CancellationError.self) { try await waiting.value }
        }
    }

    @Test func `F46: long messages pass through pipes and queues`() async throws {
        try await withPool(2) { pool in
            let pipe = try LuaPipe()
            let text = String(repeating: "0123456789abcdef", count: 1 << 20)
            async let echo: LuaResults = pool.call(.source("local c = ... c:send(c:recv())"), pipe.second)
            try await pipe.first.send(text)
            #expect(try await pipe.first.receive(String.self) == text)
            _ = try await echo
        }
    }
}
