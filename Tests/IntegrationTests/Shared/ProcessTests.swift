// LuaProcess with real processes.
import Foundation
import LuaFleet
import Testing

@Suite
struct ProcessTests {
    @Test(
        arguments: [
            ("return 1", 0), ("os.exit(3)", 3), ("error('boom')", 1), ("os.exit(0)", 0), ("while true do end", -9),
            ("os.execute('kill -SEGV $PPID') fleet.sleep(60)", -11),
        ] as [(String, Int32)])
    func `F01: the exit status says how the process ended`(_ source: String, _ status: Int32) async throws {
        let process = LuaProcess(.source(source), name: "p")
        #expect(process.pid == nil && process.exitStatus == nil && !process.isRunning && process.name == "p")
        try await process.start()
        let pid = try #require(process.pid)
        if status == -9 {
            #expect(process.isRunning)
            #expect(try await process.join(timeout: .milliseconds(1)) == nil)
            kill(pid, SIGKILL)
        }
        #expect(try await process.join() == status)
        #expect(process.exitStatus == status && !process.isRunning)
        #expect(!isRunning(pid))
        #expect(try await process.receive(Int.self) == nil)
        await #expect(throws: LuaFleetError.self) { try await process.start() }
    }

    @Test func `F01: values go both ways through fleet dot pipe, and the end of the process is the end of the stream`()
        async throws
    {
        let process = LuaProcess(
            .source(
                "local factor = ... for n in function() return fleet.pipe:recv() end do fleet.pipe:send(n * factor) end return 'bye'"
            ), 3)
        try await process.start()
        for number in 1...20 {
            try await process.send(number)
            #expect(try await process.receive(Int.self) == number * 3)
        }
        try process.connection.close()
        #expect(try await process.join() == 0)
        #expect(try process.result?.get()[0] == "bye")
    }

    @Test func `F01: terminate and kill end it`() async throws {
        for status in [-15, -9] as [Int32] {
            let process = LuaProcess(.source("fleet.pipe:send('here') while true do end"))
            try await process.start()
            #expect(try await process.receive(String.self) == "here")
            if status == -15 { process.terminate() } else { process.kill() }
            #expect(try await process.join() == status)
            #expect(try await process.receive(String.self) == nil)
        }
        let unstarted = LuaProcess(.source(""))
        await #expect(throws: LuaFleetError.self) { try await unstarted.join() }
        await #expect(throws: LuaFleetError.self) { try await unstarted.send(1) }
    }

    @Test func `F01: one that is dropped ends`() async throws {
        var process: LuaProcess? = LuaProcess(.source("while true do end"))
        try await process?.start()
        let pid = try #require(process?.pid)
        process = nil
        #expect(await eventually { !isRunning(pid) })
    }
}
