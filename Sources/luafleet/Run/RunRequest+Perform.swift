// Runs what was asked for and prints each task as it ends.
import LuaFleet

extension RunRequest {
    /// The exit status.
    func perform() async throws(UsageError) -> Int32 {
        let source: JobSource?
        if let inputs = inputs ?? offeredInputs.flatMap({ standardInputHasInputs() ? $0 : nil }) {
            let script = try readableScript()
            source = try JobSource(inputs, script: script, arguments: arguments)
        } else {
            source = nil
        }
        exitOnInterrupt()
        let pool: LuaPool
        do throws(LuaFleetError) {
            pool = try await LuaPool(configuration(hasInputs: source != nil))
        } catch {
            throw UsageError(error.message)
        }
        do {
            let failures = try await printReports(of: pool, source)
            await pool.close()
            return ExitStatus.ofRun(failures: failures)
        } catch {
            await pool.terminate()
            throw error as? UsageError ?? UsageError("\(error)")
        }
    }

    private func configuration(hasInputs: Bool) -> LuaPoolConfiguration {
        var workers = 1
        if hasInputs || scripts.count > 1 {  // else there is nothing to count
            workers = jobs.count(processors: LuaPool.defaultWorkerCount)
            // Scripts of one run may wait for each other, also where there are fewer processors. By the hundred they do not.
            if !hasInputs, jobs == .all, scripts.count <= 16 { workers = scripts.count }
            if !hasInputs { workers = min(workers, scripts.count) }
        }
        var configuration = LuaPoolConfiguration(workers: workers)
        // The only task of the only worker: that is a process of its own already.
        configuration.isolation = !hasInputs && scripts.count == 1 ? .shared : isolation
        configuration.limits.wallTime = timeout
        return configuration
    }

    /// One line for a script that cannot be read, instead of one for every input.
    private func readableScript() throws(UsageError) -> LuaScript {
        let script = luaScript(scripts[0])
        do throws(LuaFleetError) {
            try script.load()
        } catch {
            throw UsageError(error.message)
        }
        return script
    }

    private func luaScript(_ path: String) -> LuaScript {
        let script = LuaScript.file(path)
        return function.map { script.function($0) } ?? script
    }

    /// How many failed.
    private func printReports(of pool: LuaPool, _ source: JobSource?) async throws -> Int {
        let reports: LuaReports
        if let source {
            reports = pool.reports(of: InputJobs(source), ordered: keepsOrder)
        } else {
            let values = arguments.map { LuaValue.string(LuaString(bytes: $0)) }
            reports = pool.reports(of: scripts.map { LuaJob(luaScript($0), values) }, ordered: keepsOrder)
        }
        var failures = 0
        for try await report in reports {
            var task = TaskReport(report, input: source?.takeInput(of: report.index) ?? [])
            let isRead = task.print(asJSON: printsJSON)
            if task.isFailure { failures += 1 }
            guard isRead else { break }
        }
        return failures
    }
}
