// `luafleet demo isolation`: one script in several processes; none finds what another left. F02.
import LuaFleet

struct IsolationDemo {
    static let names = ["red", "green", "blue", "white"]

    /// 0 if every process was alone, else 1.
    func perform() async throws(UsageError) -> Int32 {
        StandardStream.output.writeLine(
            """
            The same script, \(Self.names.count) times at once. Each changes a global, package.loaded, the string metatable and the random seed.

            """)
        let reports = try await reports()
        var isAlone = Set(reports.map(\.pid)).count == reports.count
        for report in reports {
            let task = TaskReport(report, input: [])
            StandardStream.output.write(task.standardOutput)
            if let failure = task.failureText { StandardStream.error.write(failure) }
            isAlone = isAlone && !task.isFailure && Self.foundNothing(task.standardOutput)
        }
        let verdict =
            isAlone
            ? "\(reports.count) processes, and each saw only what it had changed itself."
            : "Not isolated: a process failed, or saw what another one had changed."
        StandardStream.output.writeLine("\n" + verdict)
        return isAlone ? ExitStatus.success : 1
    }

    private func reports() async throws(UsageError) -> [LuaTaskReport] {
        var configuration = LuaPoolConfiguration(workers: Self.names.count)
        configuration.isolation = .freshProcess
        let script = LuaScript.source(Self.script, name: "isolation.lua")
        do {
            return try await withLuaPool(configuration) { pool in
                var reports = [LuaTaskReport]()
                let jobs = Self.names.map { LuaJob(script, [.string(LuaString($0))]) }
                for try await report in pool.reports(of: jobs, ordered: true) { reports.append(report) }
                return reports
            }
        } catch {
            throw UsageError("demo isolation: \(error)")
        }
    }

    private static func foundNothing(_ output: Bytes) -> Bool {
        String(decoding: output, as: UTF8.self).contains(" found nothing;")
    }

    /// Scripts/examples/isolation.lua, word for word (a test compares them): the program is one file.
    static let script = #"""
        -- What process isolation is: a task that changes everything a Lua state shares, and tells what it found and what it left.
        --
        --   Scripts/luafleet run -k Scripts/examples/isolation.lua ::: red green blue
        --
        -- every task has a process of its own and finds nothing of the others. The same script where tasks share their worker's state:
        --
        --   Scripts/luafleet run -k -j 1 --isolation shared Scripts/examples/isolation.lua ::: red green blue
        --
        -- `luafleet demo isolation` runs it, too. Plain Lua: lua5.4 Scripts/examples/isolation.lua red

        local me = (...) or "nobody"

        -- Everything that is shared by all code in one Lua state, read under names that nobody else uses.
        local function traces()
            local seen = {}
            seen[#seen + 1] = rawget(_G, "isolation_owner") and "a global of " .. isolation_owner
            seen[#seen + 1] = package.loaded.isolation_owner and "a module of " .. package.loaded.isolation_owner.name
            seen[#seen + 1] = ("").isolation_owner and "a string method of " .. ("").isolation_owner()
            return #seen > 0 and table.concat(seen, ", ") or "nothing"
        end

        -- The process that this state lives in; Linux tells it to anybody who asks.
        local function process()
            local stat = io.open("/proc/self/stat")
            local pid = stat and stat:read("n")
            if stat then
                stat:close()
            end
            return pid or "?"
        end

        local found = traces()

        isolation_owner = me
        package.loaded.isolation_owner = { name = me }
        getmetatable("").__index.isolation_owner = function()
            return me
        end
        -- The same name gives the same number wherever it runs; another task's seed in this state would change the next one.
        math.randomseed(#me, me:byte(1, 1) or 0)
        local number = math.random(1000)

        print(("%s: process %s found %s; left %s; random number %d"):format(me, process(), found, traces(), number))

        """#
}
