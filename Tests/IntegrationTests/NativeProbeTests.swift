// F31, hazards 28 and 29: native code under the layers of a locked worker gets nothing out, as an ordinary user and as root.
import Foundation
import Testing

@Suite
struct NativeProbeTests {
    /// The probe's lines: name, and what came of it.
    private func probe(_ arguments: String...) throws -> [String: String] {
        let process = Process()
        let output = Pipe()
        process.executableURL = testHost.deletingLastPathComponent().appendingPathComponent("sandbox-probe")
        process.arguments = arguments
        process.standardOutput = output
        try process.run()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        var lines: [String: String] = [:]
        for line in text.split(separator: "\n") where !line.hasPrefix("attempts ") {
            let words = line.split(separator: " ", maxSplits: 1)
            lines[String(words[0])] = words.count > 1 ? String(words[1]) : ""
        }
        return lines
    }

    /// As whom the probe can run here: root can be anybody.
    private static let users = geteuid() == 0 ? ["-", "1000"] : ["-"]

    @Test(arguments: users)
    func `F31: of a hundred system calls that reach out of a locked worker none succeeds`(_ user: String) throws {
        let lines = try probe("locked", user)
        #expect(lines.count >= 100)
        for (name, outcome) in lines { #expect(outcome.hasPrefix("denied"), "\(name) \(outcome)") }
        for name in [
            "ptrace", "read_memory", "write_memory", "bpf", "io_uring", "userfaultfd", "perf", "mount", "unshare",
            "setns", "keyctl",
        ] {
            #expect(lines[name] == "denied by signal \(SIGSYS)", "\(name): \(lines[name] ?? "-")")
        }
        #expect(lines["clone3"]?.contains("not implemented") == true, "so that glibc falls back to clone")
    }

    @Test func `the same calls succeed where there is no sandbox, so the check can fail`() throws {
        let lines = try probe("none", Self.users.last!)  // there is always one
        #expect(lines.values.count { $0 == "SUCCEEDED" } >= 50)
        for name in ["read_file", "socket_inet", "connect", "fork", "kill_victim", "ptrace_me"] {
            #expect(lines[name] == "SUCCEEDED", "\(name): \(lines[name] ?? "-")")
        }
    }

    @Test(arguments: users)
    func `F31: Landlock alone, without the filter of system calls, keeps from files, network, signals and memory`(
        _ user: String
    ) throws {
        let lines = try probe("locked", user, "--without", "seccomp")
        for name in [
            "read_file", "write_file", "read_passwd", "create_file", "list_folder", "own_memory", "victim_memory",
            "victim_environment",
            "mkdir", "unlink", "truncate", "mknod", "execve", "execveat", "connect", "bind", "kill_probe",
            "kill_victim", "tgkill", "tkill",
            "queue_signal", "ptrace", "read_memory", "write_memory", "fork", "grow_output", "raise_limit", "setuid",
        ] {
            #expect(lines[name]?.hasPrefix("denied") == true, "\(name): \(lines[name] ?? "-")")
        }
    }

    @Test func `at safe no signal reaches a process outside, and no memory of one is read`() throws {
        let lines = try probe("safe", Self.users.last!)  // there is always one
        for name in [
            "kill_victim", "kill_probe", "tgkill", "queue_signal", "ptrace", "read_memory", "write_memory",
            "victim_memory",
        ] {
            #expect(lines[name]?.hasPrefix("denied") == true, "\(name): \(lines[name] ?? "-")")
        }
        #expect(lines["read_file"] == "SUCCEEDED", "that is the libraries' affair at safe")
    }
}
