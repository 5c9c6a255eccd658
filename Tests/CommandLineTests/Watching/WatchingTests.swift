// The bar's line, the statistics, and the summary of failures.
import Testing

@testable import luafleet

@Suite struct RunProgressTests {
    private let half = RunProgress(total: 200, succeeded: 97, failed: 3, running: 4, elapsedSeconds: 50)

    @Test func `F57: done, failed, running, rate and time left in one line`() {
        #expect(
            half.line(width: 100, showsBar: true, style: .plain)
                == "[" + String(repeating: "#", count: 22) + String(repeating: ".", count: 23)
                + "]  50%  100/200  3 failed  4 running  2.00/s  50s left")
        #expect(
            half.line(width: 100, showsBar: false, style: .plain)
                == "100/200  3 failed  4 running  2.00/s  50s left")
    }

    @Test func `it never is wider than the window, and keeps what matters`() {
        for width in 0...200 {
            let line = half.line(width: width, showsBar: true, style: .plain)
            #expect(line.count <= width)
        }
        #expect(half.line(width: 30, showsBar: true, style: .plain) == "50%  100/200  3 failed")
        #expect(half.line(width: 20, showsBar: false, style: .plain) == "100/200  3 failed")
    }

    @Test func `what nobody knows is not shown`() {
        let endless = RunProgress(total: nil, succeeded: 7, failed: 0, running: 1, elapsedSeconds: 1)
        #expect(endless.line(width: 80, showsBar: true, style: .plain) == "7 done  0 failed  1 running  7.00/s")
        let begun = RunProgress(total: 5, succeeded: 0, failed: 0, running: 2, elapsedSeconds: 3)
        #expect(begun.line(width: 39, showsBar: true, style: .plain) == "0%  0/5  0 failed  2 running")
        #expect(
            RunProgress(total: 0).line(width: 20, showsBar: false, style: .plain)
                == "0/0  0 failed  0 running".prefix(13))
    }

    @Test func `failures are red where there are colours`() {
        let line = half.line(width: 50, showsBar: false, style: Style(isColored: true))
        #expect(line == "100/200  \u{1B}[31m3 failed\u{1B}[m  4 running  2.00/s  50s left")
    }

    @Test(arguments: [
        (0.2, "1s"), (59.0, "59s"), (65, "1:05"), (3600, "1:00:00"), (86_399, "23:59:59"), (273_900, "3d 04:05"),
        (-1, "0s"),
    ])
    func `times left`(seconds: Double, text: String) {
        #expect(RunProgress.shown(seconds: seconds) == text)
    }

    @Test(arguments: [(0.014, "0.01"), (2.5, "2.50"), (9.999, "10.00"), (12.4, "12"), (4567.8, "4568")])
    func `rates`(rate: Double, text: String) {
        #expect(RunProgress.shown(rate: rate) == text)
    }
}

@Suite struct RunStatisticsTests {
    @Test func `F58: workers, percentiles, and the five slowest with their inputs`() {
        var statistics = RunStatistics()
        for index in 1...100 {
            statistics.taskEnded(
                seconds: Double(index) / 1000, worker: index % 2 + 1, pid: index <= 50 ? 10 : 20, failed: index == 7,
                label: { "task \(index)" })
        }
        #expect(statistics.slowest.map(\.label) == ["task 100", "task 99", "task 98", "task 97", "task 96"])
        #expect(statistics.workers[1]?.tasks == 50 && statistics.workers[2]?.tasks == 50)
        #expect(statistics.workers[2]?.failed == 1 && statistics.workers[1]?.failed == 0)
        #expect(statistics.workers[1]?.processes == 2)
        let lines = statistics.lines(elapsed: 5.05)
        #expect(lines[0] == "100 tasks in 5.050 s")
        #expect(lines[1].hasPrefix("task time, ms: mean 50.500, p50 5"))
        #expect(lines[1].hasSuffix(", max 100.000"))
        #expect(lines[2] == "worker 1: 50 tasks, busy 2.550 s (50%), 2 processes")
        #expect(lines[3] == "worker 2: 50 tasks, busy 2.500 s (50%), 1 failed, 2 processes")
        #expect(lines[4] == "slow: 100.000 ms task 100")
        #expect(lines.count == 9)
    }

    @Test func `percentiles are within three hundredths, however many there are`() {
        var histogram = TimeHistogram()
        for index in 1...100_000 { histogram.add(Double(index) / 1e6) }
        for share in [0.01, 0.5, 0.9, 0.99, 0.999, 1] {
            let exact = share * 0.1
            #expect(abs(histogram.percentile(share) - exact) <= exact * 0.03, "\(share)")
        }
        #expect(TimeHistogram().percentile(0.5) == 0)
        var odd = TimeHistogram()
        odd.add(0)
        odd.add(-1)
        odd.add(1e300)
        #expect(odd.percentile(0.1) <= 2e-6)
        #expect(odd.count == 3)
    }
}

@Suite struct FailureSummaryTests {
    @Test func `how many, of what, the most first; nothing where one line has said it`() {
        var summary = FailureSummary()
        summary.taskEnded(nil)
        summary.taskEnded(.timeout)
        #expect(summary.line == nil)
        summary.taskEnded(.script)
        summary.taskEnded(.script)
        #expect(summary.line == "3 of 4 tasks failed: 2 script error, 1 timeout")
    }
}
