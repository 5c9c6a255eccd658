// The run itself: pool up, reports through, pool down, last words.
import Glibc
import LuaFleet

extension RunSession {
    /// The exit status.
    func perform(
        _ handler: consuming ReportHandler, _ configuration: LuaPoolConfiguration
    ) async throws(UsageError) -> Int32 {
        var handler = handler
        ProgramSignals.handle { self.received($0) }
        feed.onEnd { self.sayResumed() }
        let pool: LuaPool
        do throws(LuaFleetError) {
            pool = try await LuaPool(configuration)
        } catch {
            throw UsageError(error.message)
        }
        onDrain { pool.cancelQueued() }
        onAskPids { answer in
            pool.withRunningTasks { tasks in
                answer(Dictionary(tasks.map { ($0.index, $0.pid) }, uniquingKeysWith: { $1 }))
            }
        }
        let ticker = startTicker()
        do {
            var isOver = false
            var reports = pool.reports(of: gate, onOutput: handler.liveOutput)
            reports.closesPool = true
            for try await report in reports {
                isOver = try !handler.add(report)
                if isOver { break }
            }
            try handler.finish()
            ticker?.cancel()
            if showsProgress {
                showProgress()
                screen.finishLine()
            }
            // With a grace period what still runs was cancelled with the reports, and has that time.
            if isOver, request.grace == nil { await pool.terminate() } else { await pool.close() }
        } catch {
            screen.finishLine()
            await pool.terminate()
            throw error as? UsageError ?? UsageError("\(error)")
        }
        sayLastWords(handler.end)
        if interrupts > 0 { return ExitStatus.interrupted }
        return handler.end.isSuccess ? ExitStatus.success : ExitStatus.ofRun(failures: handler.end.failures.failed)
    }

    private func startTicker() -> Task<Void, Never>? {
        guard showsProgress else { return nil }
        return Task {
            while !Task.isCancelled {
                showProgress()
                try? await Task.sleep(for: .milliseconds(200))
            }
        }
    }

    private func sayLastWords(_ end: RunEnd) {
        if interrupts > 0 {
            let left = feed.total.map { $0 - end.failures.ended }.map { ", \($0) not started" } ?? ""
            screen.say("interrupted: \(end.failures.ended) done, \(end.failures.failed) failed\(left)")
        } else if let line = end.failures.line {
            screen.say(line)
        }
        guard request.watching.showsStatistics else { return }
        let lines = end.statistics.lines(elapsed: (ContinuousClock.now - start).inSeconds)
        screen.write(output: [], errors: Bytes(lines.map { "luafleet: \($0)\n" }.joined().utf8))
    }
}
