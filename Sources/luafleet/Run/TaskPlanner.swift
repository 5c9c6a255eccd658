// Makes tasks of inputs: numbers them, names them for the joblog, leaves out what an earlier run has done.
import LuaFleet

/// One thread at a time: whoever reads the inputs.
struct TaskPlanner: Sendable {
    let script: LuaScript
    /// Of the script, its function, its arguments and limits; nil: no keys are wanted.
    let base: ContentHasher?
    var resume: ResumePlan
    private var count = 0

    init(script: LuaScript, base: ContentHasher? = nil, resume: ResumePlan = ResumePlan(.nothing)) {
        self.script = script
        self.base = base
        self.resume = resume
    }

    enum Planned {
        case run(PlannedTask)
        case skip(Int)
    }

    mutating func plan(_ input: InputRecord) -> Planned {
        plan(script, base: base, input)
    }

    /// Where every script has a base of its own.
    mutating func plan(_ script: LuaScript, base: ContentHasher?, _ input: InputRecord = []) -> Planned {
        count += 1
        var task = PlannedTask(sequence: count, script: script, input: input)
        guard var hasher = base else { return .run(task) }
        hasher.add(input)
        let key = hasher.key
        task.key = key
        switch resume.decide(key, sequence: count) {
        case .skip: return .skip(count)
        case .rerun: task.isRerun = true
        case .run: break
        }
        return .run(task)
    }
}
