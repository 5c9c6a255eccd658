// The options for budgets, sandbox and worker life, as the library has them.
import LuaFleet

extension RunRequest {
    /// What a sandboxed script may take where nothing else is said: on a command line somebody waits.
    private static let sandboxedTime = Duration.seconds(60)

    func addBudgets(to configuration: inout LuaPoolConfiguration) throws(UsageError) {
        configuration.recycle = maximumTasks.map { .afterTasks($0) }
        configuration.limits.cpuTime = limits.cpuTime
        configuration.limits.memory = limits.memoryBytes
        configuration.limits.instructions = limits.instructions.map { UInt64($0) }
        configuration.limits.output = limits.outputBytes
        configuration.limits.result = limits.resultBytes
        configuration.preload = preload.map { LuaScript.file($0) }
        switch sandbox {
        case nil, .some(.none): break
        case .safe:
            configuration.sandbox = .safe
            configuration.limits.wallTime = configuration.limits.wallTime ?? Self.sandboxedTime
        case .locked: configuration.sandbox = .locked
        }
    }
}
