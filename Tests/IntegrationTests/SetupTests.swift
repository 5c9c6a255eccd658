// F24: a worker executable that is none: one clear line, and no waiting.
import Foundation
import LuaFleet
import Testing

@Suite
struct SetupTests {
    private func failure(_ path: String) async throws -> LuaFleetError {
        var configuration = LuaPoolConfiguration(workers: 2)
        configuration.workerExecutable = path
        do {
            let pool = try await LuaPool(configuration)
            await pool.terminate()
        } catch {
            // Some other test was just spawning a process while the script was being written, and that one held it open: not our subject.
            if error.message.contains("Text file busy") { return try await failure(path) }
            #expect(error.code == .setup && error.message.contains(path), "\(error.message)")
            #expect(!error.message.contains("\n"), "one line")
            return error
        }
        throw LuaFleetError(code: .setup, message: "the pool started with \(path)")
    }

    @Test(arguments: [
        ("/bin/false", "exited with status 1"), ("/bin/true", "exited with status 0"),
        ("/bin/cat", "unrecognized option"),
        ("/bin/echo", "--fork-server"), ("/nonexistent/worker", "No such file or directory"),
        ("/tmp", "Permission denied"),
        ("/etc/passwd", "Permission denied"),
    ])
    func `F24: what is no worker is named, with what it did`(_ path: String, _ words: String) async throws {
        let message = try await failure(path).message
        #expect(message.contains(words), "\(message)")
    }

    private func script(_ text: String, _ body: (String) async throws -> Void) async throws {
        try await withFolder { folder in
            let path = folder.appendingPathComponent("worker").path
            #expect(
                FileManager.default.createFile(
                    atPath: path, contents: Data(text.utf8), attributes: [.posixPermissions: 0o755]))
            try await body(path)
        }
    }

    @Test func `F24: a worker of another version is refused at the handshake, with both versions`() async throws {
        // The preface, a hello of 13 bytes, protocol 77, pid 1, release "9".
        let bytes =
            #"\033LuaFlt\012\015\000\000\000\001\000\000\000\000\000\000\000\000\000\000\000\115\000\000\000\001\000\000\000\001\000\000\0009"#
        try await script("#!/bin/sh\nprintf 'welcome\\n' >&3\nprintf '\(bytes)' >&3\nexec sleep 1000 </dev/null\n") {
            path in
            let message = try await failure(path).message
            #expect(
                message.contains("another version") && message.contains("77") && message.contains("release 9"),
                "\(message)")
        }
    }

    @Test func `F24: a program that says other things on the control socket is no worker`() async throws {
        try await script("#!/bin/sh\nprintf '\\033LuaFlt\\012garbage garbage garbage' >&3\nexec sleep 1000\n") { path in
            let message = try await failure(path).message
            #expect(message.contains("not a LuaFleet worker"), "\(message)")
        }
        try await script("#!/bin/sh\nhead -c 100000 /dev/zero >&3\nexec sleep 1000\n") { path in
            let message = try await failure(path).message
            #expect(message.contains("not a LuaFleet worker"), "\(message)")
        }
    }

    @Test func `F24: a script without an interpreter line, and one whose interpreter is missing`() async throws {
        try await script("hello\n") { path in _ = try await failure(path) }
        try await script("#!/nonexistent/sh\n") { path in _ = try await failure(path) }
    }

    @Test func `F24: a pool of no workers is refused`() async {
        await #expect(throws: LuaFleetError.self) { _ = try await LuaPool(LuaPoolConfiguration(workers: 0)) }
    }

    @Test func `scripts that cannot be read are named, and cost no worker`() async throws {
        try await withPool(1) { pool in
            for (path, words) in [
                ("/nonexistent.lua", "No such file"), ("/tmp", "directory"), ("/bin/true", "executable program"),
            ] {
                let report = await pool.run(.file(path))
                #expect(report.code == .setup && report.fleetError?.message.contains(words) == true, "\(report.result)")
                #expect(report.fleetError?.message.contains(path) == true && report.attempts == 0)
            }
        }
    }
}
