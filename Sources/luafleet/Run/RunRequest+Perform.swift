// Runs what was asked for: checks everything first, then starts the pool, then sees every task to its end.
import Glibc
import LuaFleet

extension RunRequest {
    /// The exit status.
    func perform() async throws(UsageError) -> Int32 {
        let screen = Screen(isQuiet: output.isQuiet)
        let inputs = inputs ?? offeredInputs.flatMap { standardInputHasInputs() ? $0 : nil }
        // Not asked for in vain: it takes reading files of the system.
        let isSingle = inputs == nil && scripts.count == 1
        let processors = isSingle && control.load == nil ? 1 : LuaPool.defaultWorkerCount
        var workers = isSingle ? 1 : jobs.count(processors: processors)
        if inputs == nil {
            // Scripts of one run may wait for each other, also where there are fewer processors. By the hundred they do not.
            if jobs == .all, scripts.count <= 16 { workers = scripts.count }
            workers = min(workers, scripts.count)
        }

        let script = inputs == nil ? luaScript(scripts[0]) : try readableScript()
        var jobLog = try keeping.jobLog.map { (name) throws(UsageError) in try JobLog(name, resume: keeping.resume) }
        var resume = ResumePlan(keeping.resume)
        let source: any TaskSource
        let columnNames: [Bytes]
        if let inputs {
            // Opened before the joblog is emptied: a mistake costs nothing.
            let base = keeping.jobLog == nil ? nil : contentBase(scripts[0])
            var tasks = try InputTasks(inputs, planner: TaskPlanner(script: script, base: base))
            columnNames = tasks.columnNames
            try jobLog?.begin(isOwn: isOwn) { resume.add($0) }
            tasks.planner.resume = resume
            source = tasks
        } else {
            try jobLog?.begin(isOwn: isOwn) { resume.add($0) }
            let bases = scripts.map { keeping.jobLog == nil ? nil : contentBase($0) }
            source = ScriptTasks(zip(scripts, bases).map { (luaScript($0), $1) }, resume: resume)
            columnNames = []
        }
        let arguments = TaskArguments(
            arguments, columnNames: columnNames, function: function, seed: control.seed)
        if control.isDryRun { return try dryRun(source, arguments) }
        let results = try self.output.results.map { (target) throws(UsageError) in
            try ResultsStore(target, appends: keeping.resume != .nothing)
        }
        if let remark = jobLog?.remark { screen.say(remark) }

        let wantsTotal =
            watching.showsBar || watching.showsEstimate || keeping.resume != .nothing
            || control.halt?.needsTotal == true
        let feed = TaskFeed(source, readsAhead: wantsTotal)
        feed.begin()
        // Ahead of need the pool keeps its workers busy; where it matters which task starts when, it gets no more than it can run.
        let isExact = control.needsExactStarts || usesSlots
        let plan = StartPlan(
            places: isExact ? workers : .max, delay: control.delay, mayRetry: control.tries != 1,
            heldLimit: max(1000, 4 * workers))
        let machine = MachineLimits(
            processes: control.load?.count(processors: processors), freeBytes: control.freeBytes)
        let gate = TaskGate(feed, workers: workers, plan: plan, arguments: arguments, machine: machine)
        let session = RunSession(self, gate: gate, feed: feed, screen: screen, arguments: arguments)
        let handler = ReportHandler(session, columnNames: columnNames, jobLog: jobLog.take(), results: results)
        return try await session.perform(
            handler, try configuration(workers: workers, isSingle: isSingle))
    }

    private func configuration(workers: Int, isSingle: Bool) throws(UsageError) -> LuaPoolConfiguration {
        var configuration = LuaPoolConfiguration(workers: workers)
        // The only task of the only worker: that is a process of its own already.
        configuration.isolation = isSingle && control.tries == 1 ? .shared : isolation
        configuration.limits.wallTime = timeout
        configuration.gracePeriod = grace ?? .zero
        try addBudgets(to: &configuration)
        return configuration
    }

    private var usesSlots: Bool {
        (arguments + [output.tag ?? []]).contains { Template($0).pieces.contains(.slot) }
    }

    /// Prints the exact argument vectors, as a shell would want them.
    private func dryRun(_ source: any TaskSource, _ arguments: TaskArguments) throws(UsageError) -> Int32 {
        var source = source
        while let planned = try source.next() {
            guard case .run(let task) = planned else { continue }
            guard StandardStream.output.write(arguments.command(task, slot: 1) + [UInt8(ascii: "\n")]) else { break }
        }
        return ExitStatus.success
    }

    // MARK: Scripts

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
        // One that cannot be read is left to whoever says so.
        if let seed = control.seed, let content = try? fileContents(path) {
            let source = SeededScript.wrapping(content, path: path, function: function, seed: seed)
            return LuaScript.source(source, name: path).function(SeededScript.entry)
        }
        return function.map { script.function($0) } ?? script
    }

    /// Whether a command of the joblog is one of this run's scripts.
    private func isOwn(_ command: String) -> Bool {
        scripts.contains { path in
            let word = String(decoding: TaskArguments.label(path, function: function), as: UTF8.self)
            return command == word || command.hasPrefix(word + " ")
        }
    }

    /// What all tasks of a script have in common: its content, function, arguments and limits. A script that cannot be read goes by its name.
    private func contentBase(_ path: String) -> ContentHasher {
        var hasher = ContentHasher()
        hasher.add((try? fileContents(path)) ?? Bytes(path.utf8))
        hasher.add(function ?? "")
        hasher.add(Bytes("\(arguments.count)".utf8))
        for argument in arguments { hasher.add(argument) }
        let sizes = [limits.memoryBytes, limits.instructions, limits.outputBytes, limits.resultBytes].map { $0 ?? 0 }
        let times = [timeout, limits.cpuTime].map { $0?.inSeconds ?? 0 }
        hasher.add("\(times) \(sizes) \(sandbox?.rawValue ?? "") \(control.seed.map { "\($0)" } ?? "")")
        return hasher
    }
}

private func fileContents(_ path: String) throws(UsageError) -> Bytes {
    let source = try ChunkSource.open(Bytes(path.utf8))
    var content = Bytes()
    while true {
        let chunk = try source.read()
        if chunk.isEmpty { return content }
        content += chunk
    }
}
