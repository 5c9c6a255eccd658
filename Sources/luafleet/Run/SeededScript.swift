// --seed: a script whose every task begins with random numbers of its own, the same ones wherever and however often it runs.
import LuaFleet

/// The script inside of another that takes two numbers before the task's arguments, and seeds with them (`math.randomseed(a, b)`, Lua 5.4).
///
/// The numbers follow from `--seed` and the task's place among the inputs: not from the worker, the number of workers, retries, or what an earlier run has done.
enum SeededScript {
    /// The function that a task of the wrapping script calls.
    static let entry = "seeded"

    /// What a task gets before its arguments.
    static func seeds(_ seed: UInt64, sequence: Int) -> [LuaValue] {
        var generator = SplitMix64(seed: seed ^ UInt64(sequence) &* 0xD134_2543_DE82_EF95)
        return [.integer(Int64(bitPattern: generator.next())), .integer(Int64(bitPattern: generator.next()))]
    }

    /// `function`: of the script, called instead of it. The script has its own name in messages; its first run for `--call` has the seed of task 0.
    static func wrapping(_ content: Bytes, path: String, function: String?, seed: UInt64) -> String {
        let first = seeds(seed, sequence: 0).map { LuaText.printed($0) }.joined(separator: ", ")
        let constants = [loadable(content), Bytes(path.utf8)] + (function.map { [Bytes($0.utf8)] } ?? [])
        return "local source, path, name = \(constants.map(quoted).joined(separator: ", "))\n"
            + "local function seed() math.randomseed(\(first)) end\n" + template
    }

    /// What `lua` passes over in a file and `load` does not: a byte order mark, and a first line that begins with `#`, but for its end.
    private static func loadable(_ content: Bytes) -> Bytes {
        var content = content[...]
        if content.starts(with: [0xEF, 0xBB, 0xBF]) { content = content.dropFirst(3) }
        if content.first == UInt8(ascii: "#") { content = content.drop { $0 != 0x0A } }
        return Bytes(content)
    }

    /// The lookup is that of a function without --seed: in the table that the script returns, then among the globals, dots between tables.
    private static let template = """
        local function follow(from, name)
            for part in name:gmatch("[^.]+") do
                if type(from) ~= "table" then return nil end
                from = from[part]
            end
            return from
        end
        local chunk, problem = load(source, "@" .. path)
        local target
        local function find()
            seed()
            local returned = chunk()
            target = type(returned) == "table" and follow(returned, name) or follow(_G, name)
            if not target then error(path .. ': no function "' .. name .. '"', 0) end
        end
        return {seeded = function(a, b, ...)
            if not chunk then error(problem, 0) end
            if name and not target then find() end
            math.randomseed(a, b)
            if name then return target(...) end
            arg = {[0] = path, ...}
            return chunk(...)
        end}
        """

    /// A Lua string of ASCII from which every byte comes back.
    private static func quoted(_ bytes: Bytes) -> String {
        var text = "\""
        for byte in bytes {
            switch byte {
            case UInt8(ascii: "\\"), UInt8(ascii: "\""): text += "\\" + String(UnicodeScalar(byte))
            case 0x20...0x7E: text.unicodeScalars.append(UnicodeScalar(byte))
            default: text += "\\" + String(Int(byte) + 1000).dropFirst()
            }
        }
        return text + "\""
    }
}
