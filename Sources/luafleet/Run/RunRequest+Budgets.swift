// The options for budgets, sandbox and worker life, as the library has them.
import LuaFleet

extension RunRequest {
    func addBudgets(to configuration: inout LuaPoolConfiguration) throws(UsageError) {
        configuration.recycle = maximumTasks.map { .afterTasks($0) }
        let missing = [
            ("--cpu-time", limits.cpuTime != nil), ("--memory", limits.memoryBytes != nil),
            ("--instructions", limits.instructions != nil), ("--output-limit", limits.outputBytes != nil),
            ("--result-limit", limits.resultBytes != nil),
            ("--sandbox", sandbox != nil && sandbox != SandboxLevel.none),
            ("--preload", !preload.isEmpty),
        ].first(where: \.1)
        if let (name, _) = missing { throw UsageError("\(name): this release has no such limit yet") }
    }
}
