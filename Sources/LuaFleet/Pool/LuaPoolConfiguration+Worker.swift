// What a configuration means for the worker program: its settings and its environment, checked.
import LuaFleetCore
import LuaFleetWire

extension LuaPoolConfiguration {
    /// The limits that tasks have: those that were set, and those of the level.
    var effectiveLimits: LuaLimits { limits.atLevel(sandbox) }

    /// The longest frame that is taken from a worker.
    var frameLimit: UInt32 {
        let most = ValueLimits.standard.bytes
        return UInt32(min(most, effectiveLimits.result ?? (sandbox == .locked ? (8 << 20) + (64 << 10) : most)))
            + (64 << 10)
    }

    /// What results have to keep to; nil where workers are trusted to write what they should.
    var resultForm: ValueLimits? {
        switch sandbox {
        case .none: nil
        case .safe: ValueLimits.standard.withoutCode
        case .locked: ValueLimits.locked.withoutCode
        }
    }

    /// What the host keeps of a task's output at most: the limit and the mark. 0: everything.
    var outputBound: Int { effectiveLimits.output.map { $0 + 256 } ?? 0 }

    /// A locked worker is a fresh process for its one task already, and could not fork another.
    var taskIsolation: WireIsolation { sandbox == .locked ? .shared : isolation.wire }

    /// - Throws: ``LuaFleetError`` with code `setup` when a setting makes no sense or a script to preload cannot be read.
    package func workerProgram(_ executable: String) throws(LuaFleetError) -> WorkerProgram {
        let limits = effectiveLimits
        try Self.check(limits)
        var settings = WorkerSettings()
        settings.sandbox = sandbox.wire
        settings.isSpawned = startMethod == .spawn || sandbox == .locked
        settings.cutsOutput = limits.overOutput == .cut
        settings.isInterruptible = gracePeriod > .zero
        if !waive.isEmpty { settings.waived = SandboxLayers(waive.compactMap(\.wire)) }
        settings.memory = UInt64(limits.memory ?? 0)
        settings.cpuTime = limits.cpuTime?.clampedNanoseconds ?? 0
        settings.instructions = limits.instructions ?? 0
        settings.output = UInt64(limits.output ?? 0)
        settings.result = UInt64(limits.result ?? 0)
        if let workingDirectory {
            guard !workingDirectory.isEmpty, !workingDirectory.utf8.contains(0) else {
                throw LuaFleetError(code: .setup, message: "a working directory needs a name")
            }
            settings.workingDirectory = Array(workingDirectory.utf8)
        }
        for script in preload { settings.preload.append(try Self.preload(script)) }
        var program = WorkerProgram(executable: executable)
        program.settings = settings
        program.environment = try environmentStrings()
        return program
    }

    /// Variables that a worker at `safe` sees unless the app says otherwise: how people write dates and numbers here.
    private static let harmless = ["LANG", "LC_ALL", "LC_TIME", "LC_NUMERIC", "TZ"]

    private func environmentStrings() throws(LuaFleetError) -> [String]? {
        if sandbox == .locked { return [] }
        let environment = environment ?? (sandbox == .safe ? .only(Self.harmless) : .inherited)
        if case .values(let values) = environment {
            for (name, value) in values where name.isEmpty || name.contains("=") || (name + value).utf8.contains(0) {
                throw LuaFleetError(code: .setup, message: "no environment variable can be named \"\(name)\"")
            }
        }
        return environment.strings
    }

    private static func preload(_ script: LuaScript) throws(LuaFleetError) -> WorkerSettings.Preload {
        let content = try script.origin.content()
        guard content.form != .function, script.functionName == nil else {
            throw LuaFleetError(code: .setup, message: "cannot preload \(script): whole scripts are preloaded")
        }
        // "Scripts/lib.lua" is what require("lib") finds.
        var module = script.name.split(separator: "/").last.map(String.init) ?? script.name
        if module.hasSuffix(".lua") { module.removeLast(4) }
        return WorkerSettings.Preload(
            name: script.name, form: content.form, chunkName: content.chunkName, source: content.source,
            module: Array(module.utf8))
    }

    private static func check(_ limits: LuaLimits) throws(LuaFleetError) {
        func refuse(_ what: String) -> LuaFleetError { LuaFleetError(code: .setup, message: what) }
        if let time = limits.cpuTime, time < .milliseconds(1) {
            throw refuse("a limit on processor time is at least 1 ms, not \(time)")
        }
        // Less does not hold Lua's own libraries.
        if let memory = limits.memory, memory < 128 << 10 {
            throw refuse("a limit on memory is at least 128 KiB, not \(memory) bytes")
        }
        if limits.instructions == 0 { throw refuse("a limit on instructions is at least 1") }
        if let output = limits.output, output < 1 {
            throw refuse("a limit on output is at least 1 byte, not \(output)")
        }
        if let result = limits.result, result < 1 {
            throw refuse("a limit on results is at least 1 byte, not \(result)")
        }
    }
}

extension LuaPool {
    /// The layers of protection that the workers have, and those that are missing here.
    public var sandbox: LuaSandboxReport {
        get async {
            let configured = await configured
            return LuaSandboxReport(
                present: configured.layers.list.compactMap(LuaSandboxLayer.init),
                missing: configured.missing.list.compactMap(LuaSandboxLayer.init))
        }
    }

    /// What each preloaded script cost, in their order.
    public var preloadReports: [LuaPreloadReport] {
        get async {
            await configured.preload.map {
                LuaPreloadReport(
                    name: $0.name, duration: .nanoseconds(Int64(clamping: $0.nanoseconds)),
                    bytes: Int(clamping: $0.bytes))
            }
        }
    }

    private var configured: ConfiguredMessage {
        get async {
            let shell = shell
            return await withCheckedContinuation { continuation in
                shell.loop.execute { continuation.resume(returning: shell.configured) }
            }
        }
    }
}
