// --stats: times of workers and tasks, and the slowest of them; flat however many there are.
import Glibc

struct RunStatistics: Sendable {
    struct Worker: Equatable, Sendable {
        var tasks = 0
        var failed = 0
        var seconds = 0.0
        /// The last process of this place.
        var pid = 0
        var processes = 0
    }

    struct SlowTask: Equatable, Sendable {
        var seconds: Double
        /// "task 3 (t.lua x)".
        var label: String
    }

    static let slowCount = 5

    private(set) var workers: [Int: Worker] = [:]
    private(set) var slowest: [SlowTask] = []
    private(set) var times = TimeHistogram()

    /// `label` is asked for only where it is kept.
    mutating func taskEnded(seconds: Double, worker: Int, pid: Int, failed: Bool, label: () -> String) {
        times.add(seconds)
        if worker > 0 {
            workers[worker, default: Worker()].tasks += 1
            workers[worker, default: Worker()].seconds += seconds
            if failed { workers[worker, default: Worker()].failed += 1 }
            if workers[worker]?.pid != pid { workers[worker, default: Worker()].processes += 1 }
            workers[worker, default: Worker()].pid = pid
        }
        if slowest.count == Self.slowCount, let last = slowest.last, last.seconds >= seconds { return }
        let place = slowest.firstIndex { $0.seconds < seconds } ?? slowest.count
        slowest.insert(SlowTask(seconds: seconds, label: label()), at: place)
        if slowest.count > Self.slowCount { slowest.removeLast() }
    }

    /// Lines for people; `elapsed` is the run's.
    func lines(elapsed: Double) -> [String] {
        var lines = ["\(times.count) tasks in \(decimals(elapsed)) s"]
        if times.count > 0 {
            let marks = [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999)]
            let mean = decimals(times.sum / Double(times.count) * 1000)
            let shown =
                marks.map { "\($0.0) \(decimals(times.percentile($0.1) * 1000))" }
                + ["max \(decimals(times.maximum * 1000))"]
            lines.append("task time, ms: mean \(mean), \(shown.joined(separator: ", "))")
        }
        for (slot, worker) in workers.sorted(by: { $0.key < $1.key }) {
            let share = elapsed > 0 ? Int((worker.seconds / elapsed * 100).rounded()) : 0
            let failures = worker.failed > 0 ? ", \(worker.failed) failed" : ""
            let processes = worker.processes > 1 ? ", \(worker.processes) processes" : ""
            lines.append(
                "worker \(slot): \(worker.tasks) tasks, busy \(decimals(worker.seconds)) s (\(share)%)\(failures)\(processes)"
            )
        }
        for task in slowest { lines.append("slow: \(decimals(task.seconds * 1000)) ms \(task.label)") }
        return lines
    }
}

/// Times from a microsecond to years in classes 3% apart: percentiles of any number of tasks in a few hundred numbers.
struct TimeHistogram: Sendable {
    /// Classes to a doubling: more are finer and larger.
    private static let classes = 24.0

    private var counts: [Int] = []
    private(set) var count = 0
    private(set) var sum = 0.0
    private(set) var maximum = 0.0

    mutating func add(_ seconds: Double) {
        let microseconds = min(max(seconds * 1e6, 1), 1e18)
        let place = Int(log2(microseconds) * Self.classes)
        if place >= counts.count { counts += Array(repeating: 0, count: place + 1 - counts.count) }
        counts[place] += 1
        count += 1
        sum += max(0, seconds)
        maximum = max(maximum, seconds)
    }

    /// The time that `share` of all are not above, to 3%; 0 where there are none.
    func percentile(_ share: Double) -> Double {
        var rest = Int((Double(count) * share).rounded(.up))
        for (place, number) in counts.enumerated() {
            rest -= number
            if rest <= 0 {
                return min(maximum, exp2((Double(place) + 1) / Self.classes) / 1e6)
            }
        }
        return maximum
    }
}
