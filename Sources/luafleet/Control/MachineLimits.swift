// --load and --memfree: whether the machine has room for another task, as the kernel tells it.
import LuaFleet

struct MachineLimits: Equatable, Sendable {
    /// Processes that may be running on the machine before nothing more is started.
    var processes: Int?
    /// Memory that has to be free.
    var freeBytes: Int?

    var isNone: Bool { processes == nil && freeBytes == nil }

    @Sendable func isFree() -> Bool {
        if isNone { return true }
        return allows(load: systemFile("/proc/loadavg") ?? "", memory: systemFile("/proc/meminfo") ?? "")
    }

    /// `load` and `memory` as proc(5) describes them. What the kernel does not tell forbids nothing.
    func allows(load: String, memory: String) -> Bool {
        if let processes, let running = Self.running(load), running >= processes { return false }
        if let freeBytes, let available = Self.available(memory), available < freeBytes { return false }
        return true
    }

    /// "0.20 0.18 0.12 3/80 11206": three run at this moment, and one of them is who asks. GNU parallel counts running processes, too: the averages
    /// before them are a minute late.
    static func running(_ load: String) -> Int? {
        let fields = load.split(separator: " ")
        guard fields.count >= 4, let count = Int(fields[3].prefix { $0 != "/" }) else { return nil }
        return max(0, count - 1)
    }

    /// MemAvailable: what can be had without swapping.
    static func available(_ memory: String) -> Int? {
        for line in memory.split(separator: "\n") where line.hasPrefix("MemAvailable:") {
            return line.split(separator: " ").dropFirst().first.flatMap { Int($0) }.map { $0 * 1024 }
        }
        return nil
    }
}
