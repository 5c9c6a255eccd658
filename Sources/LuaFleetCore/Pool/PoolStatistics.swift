// What a pool has done so far, in numbers.
import LuaFleetWire

package struct PoolStatistics: Equatable, Sendable {
    package var submitted: UInt64 = 0
    package var succeeded: UInt64 = 0
    package var failed: UInt64 = 0
    package var timedOut: UInt64 = 0
    package var cancelled: UInt64 = 0
    /// Tasks that ended because their worker did.
    package var died: UInt64 = 0
    /// Starts after the first one.
    package var repeated: UInt64 = 0
    package var workersStarted: UInt64 = 0
    package var workersRecycled: UInt64 = 0
    package var workersKilled: UInt64 = 0
    package var workersDied: UInt64 = 0
    /// From the submission to the first sending, nanoseconds.
    package var waits = Histogram()
    /// In the worker, nanoseconds; of tasks that were answered together their mean.
    package var runs = Histogram()

    package init() {}

    mutating func count(_ end: TaskEnd, _ tasks: UInt32) {
        let count = UInt64(tasks)
        switch end {
        case .answered: succeeded += count
        case .failed, .notForked, .protocolViolation, .setupFailed: failed += count
        case .timedOut, .queueTimedOut: timedOut += count
        case .cancelled, .poolTerminated: cancelled += count
        case .workerDied, .quarantined, .forkServerDied: died += count
        }
    }

    mutating func count(_ end: WorkerEnd) {
        switch end {
        case .recycledAfterTasks, .recycledAboveBytes: workersRecycled += 1
        case .killed, .stuck: workersKilled += 1
        case .exited, .serverEnded: workersDied += 1
        case .idle, .resized, .closed, .notStarted, .failedToStart: break
        }
    }
}

/// Counts of numbers by their size: each bucket is an eighth of a power of two wide, so that a percentile is right to about 6 %.
package struct Histogram: Equatable, Sendable {
    private var buckets: [UInt64] = []
    package private(set) var count: UInt64 = 0
    package private(set) var sum: UInt64 = 0
    package private(set) var largest: UInt64 = 0

    package init() {}

    package mutating func add(_ value: UInt64, times: UInt64 = 1) {
        let bucket = Self.bucket(of: value)
        if bucket >= buckets.count { buckets += [UInt64](repeating: 0, count: bucket + 1 - buckets.count) }
        buckets[bucket] += times
        count += times
        sum = sum &+ value &* times
        largest = max(largest, value)
    }

    private static func bucket(of value: UInt64) -> Int {
        guard value >= 8 else { return Int(value) }
        let exponent = 63 - value.leadingZeroBitCount
        return (exponent - 2) * 8 + Int((value >> (exponent - 3)) & 7)
    }

    /// The middle of a bucket.
    private static func value(of bucket: Int) -> UInt64 {
        guard bucket >= 8 else { return UInt64(bucket) }
        let exponent = bucket / 8 + 2
        let lower = UInt64(8 + bucket % 8) << (exponent - 3)
        return lower + (UInt64(1) << (exponent - 3)) / 2
    }

    package var mean: Double { count == 0 ? 0 : Double(sum) / Double(count) }

    /// The value that `share` (0 … 1) of all are at most; 0 where there are none.
    package func percentile(_ share: Double) -> UInt64 {
        guard count > 0 else { return 0 }
        let share = share > 0 ? min(share, 1) : 0  // also where it is no number
        let rank = max(1, UInt64((share * Double(count)).rounded(.up)))
        var seen: UInt64 = 0
        for (bucket, entries) in buckets.enumerated() {
            seen += entries
            if seen >= rank { return min(Self.value(of: bucket), largest) }
        }
        return largest
    }
}
