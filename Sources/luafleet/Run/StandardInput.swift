// Whether somebody pipes inputs into a run that names none: `seq 1000 | luafleet run t.lua --call f`.
import Glibc
import LuaFleet

/// True if standard input is a pipe, and something comes out of it soon, or another command of our pipeline has it open for writing
/// (`find / | luafleet run t.lua` may find nothing for minutes). Never for a terminal, a file or /dev/null.
///
/// A pipe that only those hold who started us (an editor, a test runner, cron, sshd) costs a moment but not the run.
func standardInputHasInputs() -> Bool {
    // Shorter: a busy machine is taken for an idle pipe; longer: a run that was started with an idle pipe waits for it.
    let patienceMilliseconds: Int32 = 100
    var status = stat()
    guard fstat(STDIN_FILENO, &status) == 0, status.st_mode & S_IFMT == S_IFIFO else { return false }
    if waitForInput(patienceMilliseconds) { return true }
    // The writer may end without a word: then there is no input, as from an empty file.
    guard PipeWriters(of: status).includesSibling() else { return false }
    return waitForInput(-1)
}

/// False: nothing yet (or for ever, where the last writer has gone).
private func waitForInput(_ milliseconds: Int32) -> Bool {
    var readiness = pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0)
    while true {
        let count = poll(&readiness, 1, milliseconds)
        if count < 0, errno == EINTR { continue }
        return count > 0 && readiness.revents & Int16(POLLIN) != 0
    }
}

/// Who can write to a pipe, as /proc shows it to us: our own processes.
struct PipeWriters {
    private let link: String

    init(of pipe: stat) {
        link = "pipe:[\(pipe.st_ino)]"
    }

    /// Whether a process of our session that did not start us can write: what a shell puts in front of us in a pipeline is one.
    func includesSibling() -> Bool {
        let ancestors = Self.ancestors()
        let session = getsid(0)
        guard let folder = opendir("/proc") else { return false }
        defer { closedir(folder) }
        while let entry = readdir(folder) {
            guard let pid = pid_t(Self.name(entry)), pid != getpid(), !ancestors.contains(pid), getsid(pid) == session
            else { continue }
            if writes(pid) { return true }
        }
        return false
    }

    private func writes(_ pid: pid_t) -> Bool {
        guard let folder = opendir("/proc/\(pid)/fd") else { return false }
        defer { closedir(folder) }
        while let entry = readdir(folder) {
            let fd = Self.name(entry)
            guard Int32(fd) != nil, Self.target("/proc/\(pid)/fd/\(fd)") == link,
                let info = systemFile("/proc/\(pid)/fdinfo/\(fd)")
            else { continue }
            if Self.isForWriting(info) { return true }
        }
        return false
    }

    /// proc(5): "flags: 0100001", octal, the access mode in the last two bits.
    static func isForWriting(_ info: String) -> Bool {
        for line in info.split(separator: "\n") where line.hasPrefix("flags:") {
            let digits = line.dropFirst(6).filter { $0 != "\t" && $0 != " " }
            return Int32(digits, radix: 8).map { $0 & O_ACCMODE != O_RDONLY } ?? false
        }
        return false
    }

    private static func ancestors() -> Set<pid_t> {
        var ancestors = Set<pid_t>()
        var pid = getppid()
        while pid > 0, ancestors.insert(pid).inserted, let stat = systemFile("/proc/\(pid)/stat") {
            pid = parent(stat) ?? 0
        }
        return ancestors
    }

    /// "12 (a ) b) S 1 …": the name may hold anything, so the fields count from its last bracket.
    static func parent(_ stat: String) -> pid_t? {
        guard let end = stat.lastIndex(of: ")") else { return nil }
        return stat[end...].split(separator: " ").dropFirst(2).first.flatMap { pid_t($0) }
    }

    private static func target(_ path: String) -> String {
        withUnsafeTemporaryAllocation(byteCount: 64, alignment: 1) { space in
            let buffer = space.baseAddress!.assumingMemoryBound(to: CChar.self)  // not empty
            let count = readlink(path, buffer, space.count)
            return count > 0 ? String(decoding: space[..<count], as: UTF8.self) : ""
        }
    }

    private static func name(_ entry: UnsafeMutablePointer<dirent>) -> String {
        withUnsafePointer(to: &entry.pointee.d_name) { name in
            name.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
        }
    }
}
