// The processes of this machine and what this one holds, from /proc (proc(5)).
import Foundation

struct ProcessEntry {
    var pid: pid_t
    var parent: pid_t
    var state: UInt8

    var isZombie: Bool { state == UInt8(ascii: "Z") }
    var isStopped: Bool { state == UInt8(ascii: "T") }

    static func all() -> [ProcessEntry] {
        guard let folder = opendir("/proc") else { return [] }
        defer { closedir(folder) }
        var found: [ProcessEntry] = []
        while let entry = readdir(folder) {
            let pid = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { atoi($0) }
            }
            if pid > 0, let entry = ProcessEntry(pid) { found.append(entry) }
        }
        return found
    }

    init?(_ pid: pid_t) {
        let file = open("/proc/\(pid)/stat", O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        let bytes = [UInt8](unsafeUninitializedCapacity: 512) { buffer, count in
            count = max(0, read(file, buffer.baseAddress, buffer.count))
        }
        guard let end = bytes.lastIndex(of: UInt8(ascii: ")")), bytes.count > end + 4 else { return nil }
        let fields = bytes[(end + 2)...].split(separator: UInt8(ascii: " "))
        guard fields.count > 1, let state = fields[0].first,
            let parent = Int32(String(decoding: fields[1], as: UTF8.self))
        else { return nil }
        self.pid = pid
        self.parent = parent
        self.state = state
    }
}

extension [ProcessEntry] {
    func children(of pid: pid_t) -> [ProcessEntry] { filter { $0.parent == pid } }

    func descendants(of pid: pid_t) -> [ProcessEntry] {
        let children = children(of: pid)
        return children + children.flatMap { descendants(of: $0.pid) }
    }
}

/// What stands open in this process, but for the runtime's clocks (timerfd_create(2)), which come as they are needed and stay.
func openDescriptors() -> Int {
    descriptorTargets().count
}

/// Where this process's descriptors lead.
func descriptorTargets() -> [String] {
    guard let folder = opendir("/proc/self/fd") else { return [] }
    defer { closedir(folder) }
    var targets: [String] = []
    while let entry = readdir(folder) {
        var name = entry.pointee.d_name
        guard let fd = withUnsafeBytes(of: &name, { Int32(String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)) }),
            fd != dirfd(folder)
        else { continue }
        var bytes = [CChar](repeating: 0, count: 256)
        guard readlink("/proc/self/fd/\(fd)", &bytes, 255) > 0 else { continue }
        let target = String(decoding: bytes.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        // Whoever looks at processes at this moment has /proc open.
        if target != "anon_inode:[timerfd]" && !target.hasPrefix("/proc") { targets.append("\(fd)=\(target)") }
    }
    return targets
}

/// The memory that this process holds, in bytes (proc(5), statm).
func residentBytes() -> Int {
    let text = (try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8)) ?? ""
    return (text.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0) * Int(getpagesize())
}

/// Looks until `condition` holds; false after `limit`, which is for a machine that is very busy.
func eventually(within limit: Duration = .seconds(60), _ condition: () async -> Bool) async -> Bool {
    let end = ContinuousClock.now + limit
    while ContinuousClock.now < end {
        if await condition() { return true }
        try? await Task.sleep(for: .milliseconds(2))
    }
    return await condition()
}
