// The options for budgets, sandbox and worker life, as the library has them.
import LuaFleet

extension RunRequest {
    func addBudgets(to configuration: inout LuaPoolConfiguration) throws(UsageError) {
        let missing = [
            ("--cpu-time", limits.cpuTime != nil), ("--memory", limits.memoryBytes != nil),
            ("--instructions", limits.instructions != nil), ("--output-limit", limits.outputBytes != nil),
            ("--result-limit", limits.resultBytes != nil),
            ("--sandbox", sandbox != nil && sandbox != SandboxLevel.none),
            ("--preload", !preload.isEmpty), ("--max-tasks", maximumTasks != nil),
        ].first(where: \.1)
        if let (name, _) = missing { throw UsageError("\(name): this release has no such limit yet") }
    }
}
