// The two sources of tasks: the inputs of one script, and several scripts once each.
import LuaFleet

/// One script, once for every input.
struct InputTasks: TaskSource, @unchecked Sendable {  // whoever holds it holds all of it: TaskFeed has it behind a lock
    /// Inputs that can be malformed are read so far before anything runs, as long as there is no waiting for them. Larger: mistakes further down
    /// are found in time; the memory is that of so many inputs.
    private static let checkedLimit = 100_000

    private var reader: InputReader
    /// Read ahead: to know that there is any, and that they are well formed.
    private var first: [InputRecord] = []
    private var position = 0
    var planner: TaskPlanner
    let columnNames: [Bytes]

    /// Opens the sources and waits for the first input: where there is none, nothing is started.
    init(_ plan: InputPlan, planner: TaskPlanner) throws(UsageError) {
        reader = try InputReader(plan)
        columnNames = reader.columnNames
        self.planner = planner
        guard let input = try reader.next() else { throw UsageError("no input: \(Self.names(of: plan))") }
        first.append(input)
        switch plan.format {
        case .plain, .columns: return  // nothing to be wrong
        case .csv, .json: break
        }
        while first.count < Self.checkedLimit, reader.hasMoreAtHand, let input = try reader.next() {
            first.append(input)
        }
    }

    private static func names(of plan: InputPlan) -> String {
        let files = plan.sources.compactMap { source -> String? in
            guard case .file(let name) = source.origin else { return nil }
            return name == Bytes("-".utf8) ? "standard input" : name.shown()
        }
        return files.isEmpty ? "all sources together give none" : "\(files.joined(separator: ", ")) has none"
    }

    var hasMoreAtHand: Bool { position < first.count || reader.hasMoreAtHand }
    var neverWaits: Bool { false }
    var resumed: ResumePlan.Counts { planner.resume.counts }

    mutating func next() throws(UsageError) -> TaskPlanner.Planned? {
        if position < first.count {
            position += 1
            defer { if position == first.count { (first, position) = ([], 0) } }
            return planner.plan(first[position - 1])
        }
        return try reader.next().map { planner.plan($0) }
    }
}

/// Scripts, once each.
struct ScriptTasks: TaskSource {
    private let scripts: [(script: LuaScript, base: ContentHasher?)]
    private var position = 0
    private var planner: TaskPlanner

    init(_ scripts: [(script: LuaScript, base: ContentHasher?)], resume: ResumePlan) {
        self.scripts = scripts
        planner = TaskPlanner(script: scripts[0].script, resume: resume)
    }

    var hasMoreAtHand: Bool { true }
    var neverWaits: Bool { true }
    var resumed: ResumePlan.Counts { planner.resume.counts }

    mutating func next() -> TaskPlanner.Planned? {
        guard position < scripts.count else { return nil }
        position += 1
        return planner.plan(scripts[position - 1].script, base: scripts[position - 1].base)
    }
}
