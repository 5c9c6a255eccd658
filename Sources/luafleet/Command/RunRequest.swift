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
    /// `-k`.
    var keepsOrder = false
    /// `--json-output`.
    var printsJSON = false
}
