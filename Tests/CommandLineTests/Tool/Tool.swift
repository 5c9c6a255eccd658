// Runs the built command line as a person would, and collects all it says.
import Glibc
import Testing

@testable import luafleet

struct ToolResult: Equatable {
    var output: String
    var errors: String
    /// 128 + n: killed by signal n.
    var status: Int32
}

struct BackgroundTool {
    let pid: pid_t
    fileprivate let outputFile: String
    fileprivate let errorFile: String

    var output: String { contents(outputFile) }
    var errors: String { contents(errorFile) }

    func signal(_ number: Int32) { kill(pid, number) }

    func end() -> ToolResult {
        let status = wait(for: pid)
        return ToolResult(output: output, errors: errors, status: status)
    }
}

/// A folder for scripts, gone afterwards.
final class Scratch {
    let path: String

    init() {
        var template = Array("/tmp/luafleet-cli-XXXXXX".utf8CString)
        path =
            mkdtemp(&template) == nil
            ? "" : String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    deinit {
        _ = spawnAndWait(["/bin/rm", "-rf", path], input: "/dev/null", output: "/dev/null", errors: "/dev/null")
    }

    @discardableResult
    func write(_ name: String, _ text: String) -> String {
        let file = path + "/" + name
        let fd = open(file, O_WRONLY | O_CREAT | O_TRUNC, 0o644)
        let bytes = Array(text.utf8)
        #expect(Glibc.write(fd, bytes, bytes.count) == bytes.count)
        close(fd)
        return file
    }

    /// `luafleet ARGUMENTS` in this folder. `prefix` goes in front (`taskset -c 0`); `input` is standard input, from a file.
    func luafleet(_ arguments: String..., input: String = "", prefix: [String] = []) -> ToolResult {
        luafleet(arguments, input: input, prefix: prefix)
    }

    func luafleet(_ arguments: [String], input: String = "", prefix: [String] = []) -> ToolResult {
        run(prefix + [buildFolder() + "/luafleet"] + arguments, input: input)
    }

    /// A line of shell, with $LUAFLEET for the program.
    func shell(_ line: String) -> ToolResult {
        run(["/bin/sh", "-c", "LUAFLEET=\(buildFolder())/luafleet; " + line], input: "")
    }

    /// Starts `luafleet ARGUMENTS` and leaves it running, one at a time; its output goes to files.
    func start(_ arguments: String...) -> BackgroundTool { start(arguments) }

    func start(_ arguments: [String]) -> BackgroundTool {
        // Files of its own: the folder's other commands go on.
        let (outputFile, errorFile) = (path + "/.start.out", path + "/.start.err")
        let pid = spawn(
            [buildFolder() + "/luafleet"] + arguments, input: "/dev/null", output: outputFile, errors: errorFile,
            folder: path)
        return BackgroundTool(pid: pid, outputFile: outputFile, errorFile: errorFile)
    }

    func exists(_ name: String) -> Bool { access(path + "/" + name, F_OK) == 0 }

    func read(_ name: String) -> String { contents(path + "/" + name) }

    /// Every file below, sorted.
    func files(below folder: String) -> [String] {
        shell("find '\(folder)' -type f | LC_ALL=C sort").output.split(separator: "\n").map(String.init)
    }

    private func run(_ words: [String], input: String) -> ToolResult {
        let inputFile = write(".in", input)
        let (outputFile, errorFile) = (path + "/.out", path + "/.err")
        let status = spawnAndWait(words, input: inputFile, output: outputFile, errors: errorFile, folder: path)
        return ToolResult(output: contents(outputFile), errors: contents(errorFile), status: status)
    }
}

func contents(_ path: String) -> String {
    guard let source = try? ChunkSource.open(Bytes(path.utf8)) else { return "" }
    var bytes = Bytes()
    while let chunk = try? source.read(), !chunk.isEmpty { bytes += chunk }
    return String(decoding: bytes, as: UTF8.self)
}

/// Where the tests' executable stands, and the command line and the worker beside it.
func buildFolder() -> String {
    var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
    let count = readlink("/proc/self/exe", &buffer, buffer.count)
    let path = String(decoding: buffer.prefix(max(0, count)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    return String(path.prefix(upTo: path.lastIndex(of: "/") ?? path.endIndex))
}

/// The root of the repository.
func repositoryFolder(_ file: String = #filePath) -> String {
    file.split(separator: "/").dropLast(4).reduce("") { $0 + "/" + $1 }
}

func spawnAndWait(
    _ words: [String], input: String, output: String, errors: String, folder: String = "/"
) -> Int32 {
    let pid = spawn(words, input: input, output: output, errors: errors, folder: folder)
    return pid > 0 ? wait(for: pid) : -1
}

/// 128 + n: killed by signal n.
func wait(for pid: pid_t) -> Int32 {
    var status: Int32 = 0
    while waitpid(pid, &status, 0) < 0, errno == EINTR {}
    return status & 0x7F == 0 ? (status >> 8) & 0xFF : 128 + (status & 0x7F)
}

/// -1: it could not be. A signal that is sent before the program takes it waits: it is blocked until then.
func spawn(_ words: [String], input: String, output: String, errors: String, folder: String) -> pid_t {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 0, input, O_RDONLY, 0)
    posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
    posix_spawn_file_actions_addopen(&actions, 2, errors, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var blocked = sigset_t()
    sigemptyset(&blocked)
    for number in [SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGWINCH] { sigaddset(&blocked, number) }
    posix_spawnattr_setsigmask(&attributes, &blocked)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
    var arguments: [UnsafeMutablePointer<CChar>?] = (["env", "-C", folder] + words).map { strdup($0) } + [nil]
    defer { for argument in arguments { free(argument) } }
    var pid: pid_t = 0
    return posix_spawnp(&pid, "env", &actions, &attributes, &arguments, environ) == 0 ? pid : -1
}

/// Looks again and again; what never comes is found by the limit on the whole test run.
func waitUntil(_ condition: () -> Bool) {
    while !condition() { usleep(2000) }
}
