// What one task may use beside memory and instructions, which the Lua state counts itself: processor time and output.
import CFleetSystem
import LuaFleetWire

struct TaskBudget {
    let settings: WorkerSettings
    /// Bytes that the task has written, of both streams.
    private(set) var written: UInt64 = 0
    private var hasMark = false
    private var processorTimeBefore: UInt64 = 0

    init(_ settings: WorkerSettings) {
        self.settings = settings
        isMeasured = Self.isMeasured(settings)
    }

    /// Whether what a task uses is looked at: two system calls and a frame a task, and tasks run one by one.
    let isMeasured: Bool

    private static func isMeasured(_ settings: WorkerSettings) -> Bool {
        settings.cpuTime > 0 || settings.memory > 0 || settings.instructions > 0 || settings.output > 0
            || settings.result > 0 || settings.sandbox != .none
    }

    mutating func begin() {
        written = 0
        hasMark = false
        processorTimeBefore = isMeasured ? lfs_cpu_time() : 0
        // A locked worker's was set before it gave up the means.
        if settings.cpuTime > 0 && settings.sandbox != .locked { _ = lfs_set_cpu_budget(settings.cpuTime) }
    }

    func end() {
        if settings.cpuTime > 0 && settings.sandbox != .locked { _ = lfs_set_cpu_budget(0) }
    }

    /// Nanoseconds of processor time that the task has used.
    var processorTime: UInt64 { lfs_cpu_time() - processorTimeBefore }

    enum Output: Equatable {
        /// So many of the bytes pass.
        case passes(Int)
        /// So many pass, and a mark after them; what comes later does not.
        case isCut(after: Int)
        /// The task is over its limit and fails.
        case isOver
    }

    /// The task writes `count` bytes.
    mutating func writes(_ count: Int) -> Output {
        let before = written
        written += UInt64(count)
        guard settings.output > 0, written > settings.output else { return .passes(count) }
        guard settings.cutsOutput else { return .isOver }
        guard !hasMark else { return .passes(0) }
        hasMark = true
        return .isCut(after: Int(settings.output - min(before, settings.output)))
    }

    /// Stands behind output that was cut.
    static func mark(_ limit: UInt64) -> [UInt8] {
        Array("\n[output cut at \(limit) bytes]\n".utf8)
    }
}
