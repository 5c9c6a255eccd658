// What `luafleet run` is asked to do, complete and checked: nothing in it can be a person's mistake any more.
import LuaFleet

struct RunRequest: Equatable, Sendable {
    /// Never empty; with inputs exactly one.
    var scripts: [String]
    /// `--call`.
    var function: String?
    /// After `--`: what every task gets besides its input.
    var arguments: [Bytes] = []
    /// Nil: every script once.
    var inputs: InputPlan?
    /// What to read if nothing was said about inputs and standard input is a pipe that has some; nil with several scripts.
    var offeredInputs: InputPlan?
    var jobs = Jobs.all
    var isolation: LuaIsolation
    /// Of each task, from its start.
    var timeout: Duration?
    /// Between the error in a script that is to end and the kill; nil: it is killed at once.
    var grace: Duration?
    var limits = TaskBudgets()
    var sandbox: SandboxLevel?
    /// Files that every worker has loaded before its first task.
    var preload: [String] = []
    /// A worker is replaced after so many tasks.
    var maximumTasks: Int?
    /// `-k`.
    var keepsOrder = false
    /// `--json-output`.
    var printsJSON = false
    var output = OutputPlan()
    var keeping = KeepingPlan()
    var control = ControlPlan()
    var watching = WatchingPlan()
}

/// What a task may use besides time; nil: no limit.
struct TaskBudgets: Equatable, Sendable {
    var cpuTime: Duration?
    var memoryBytes: Int?
    var instructions: Int?
    var outputBytes: Int?
    var resultBytes: Int?
}

enum SandboxLevel: String, CaseIterable, Sendable {
    case none, safe, locked
}

/// How the output of tasks is printed.
struct OutputPlan: Equatable, Sendable {
    enum Buffering: Equatable, Sendable {
        /// Whole, when the task has ended.
        case task
        /// `--line-buffer`: every line as it is complete.
        case line
        /// `--ungroup`: as it comes.
        case none
    }

    var buffering = Buffering.task
    /// `--tag`, `--tagstring`: stands before every line.
    var tag: Bytes?
    /// `--quiet`: of ours, nothing but what makes the run impossible.
    var isQuiet = false
    /// `--results`: into files instead of standard output.
    var results: ResultsTarget?
}

enum ResultsTarget: Equatable, Sendable {
    /// GNU parallel's tree of folders.
    case folder(String)
    /// A row a task, with this separator; "-" is standard output.
    case table(String, separator: UInt8)
    /// A JSON object a line, as --json-output prints it.
    case jsonLines(String)
}

/// What is kept of a run, and what an earlier one has left to do.
struct KeepingPlan: Equatable, Sendable {
    enum Resume: Equatable, Sendable {
        case nothing
        /// `--resume`: what has ended, however, is not run again.
        case ended
        /// `--resume-failed`: what has succeeded is not run again.
        case succeeded
    }

    /// `--joblog`.
    var jobLog: String?
    var resume = Resume.nothing
}

/// When tasks start, start again, or do not start any more.
struct ControlPlan: Equatable, Sendable {
    var halt: HaltPolicy?
    /// How often a task that fails is started; nil: until it succeeds.
    var tries: Int? = 1
    /// Between two starts.
    var delay: Duration?
    /// No start while so many processes are running on the machine.
    var load: Jobs?
    /// No start while less memory is free.
    var freeBytes: Int?
    var isDryRun = false
    /// `--seed`: every task's random numbers follow from it and the task's number.
    var seed: UInt64?

    var needsExactStarts: Bool {
        halt != nil || tries != 1 || delay != nil || load != nil || freeBytes != nil
    }
}

/// What is shown of a run while it goes on, and after it.
struct WatchingPlan: Equatable, Sendable {
    var showsBar = false
    var showsEstimate = false
    var showsStatistics = false
}
