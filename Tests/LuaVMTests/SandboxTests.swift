// F31: what each level has of Lua's libraries, and what a script tries to get more.
import LuaVM
import Testing

@Suite struct SandboxTests {
    /// Every name that a script finds, with libraries' names in front: "os.time".
    private static let inventory = """
        local names = {}
        for name, value in pairs(_G) do
            if type(value) ~= "table" or name == "_G" then names[#names + 1] = name
            elseif name ~= "fleet" then for field in pairs(value) do names[#names + 1] = name .. "." .. field end end
        end
        table.sort(names)
        return table.concat(names, " ")
        """

    private func names(_ level: lfvm_level) throws -> Set<String> {
        let outcome = try TestVM(level: level).evaluate(Self.inventory)
        #expect(outcome.status == LFVM_OK)
        return Set(
            FailureMessage([0x82] + outcome.bytes.dropFirst() + [0xF6]).message.split(separator: " ").map(String.init))
    }

    @Test func `F31: at locked there is what computes, and nothing else`() throws {
        let math = try names(LFVM_NONE).filter {
            $0.hasPrefix("math.") || $0.hasPrefix("utf8.") || $0.hasPrefix("table.")
        }
        let others: Set<String> = [
            "_G", "_VERSION", "assert", "collectgarbage", "error", "getmetatable", "ipairs", "load", "next", "pairs",
            "pcall",
            "print", "rawequal", "rawget", "rawlen", "rawset", "select", "setmetatable", "tonumber", "tostring", "type",
            "warn", "xpcall", "coroutine.close", "coroutine.create", "coroutine.isyieldable", "coroutine.resume",
            "coroutine.running", "coroutine.status", "coroutine.wrap", "coroutine.yield", "os.clock", "os.date",
            "os.difftime", "os.time", "string.byte", "string.char", "string.find", "string.format", "string.gmatch",
            "string.gsub", "string.len", "string.lower", "string.match", "string.pack", "string.packsize",
            "string.rep", "string.reverse", "string.sub", "string.unpack", "string.upper",
        ]
        #expect(try names(LFVM_LOCKED) == math.union(others))
    }

    @Test func `F31: safe has besides that require, files of Lua text, a traceback and the environment`() throws {
        let more = try names(LFVM_SAFE).subtracting(try names(LFVM_LOCKED))
        #expect(
            more == [
                "debug.traceback", "dofile", "loadfile", "os.exit", "os.getenv", "package.config", "package.cpath",
                "package.loaded", "package.path", "package.preload", "package.searchers", "package.searchpath",
                "require",
            ])
        #expect(try names(LFVM_LOCKED).subtracting(try names(LFVM_SAFE)).isEmpty)
    }

    @Test(
        "F31: ways out that are closed at safe and at locked",
        arguments: [
            "return io == nil and debug == nil or debug.getinfo == nil and debug.sethook == nil",
            "return string.dump == nil and ('').dump == nil",
            "return os.execute == nil and os.remove == nil and os.rename == nil and os.tmpname == nil and os.setlocale == nil",
            // Bytecode by every door.
            "local f, why = load('\\27Lua') return f == nil and why:find('binary') ~= nil",
            "local f, why = load('\\27Lua', 'x', 'b') return f == nil",
            "local f, why = load('return 1', 'x', 'b') return f == nil and why:find('text') ~= nil",
            "local done local f = load(function() if not done then done = true return '\\27Lua' end end) return f == nil",
            // What load still does.
            "return load('return 2 + 3')() == 5 and load('return x', 'c', 't', {x = 4})() == 4",
            "local done local f = load(function() if not done then done = true return 'return ...' end end) return f(6) == 6",
            "local f, why = load('return +') return f == nil and why:find('unexpected symbol') ~= nil",
            "return not pcall(load) and not pcall(load, {})",
            "return select('#', pcall(function() return package and package.loadlib end)) == 2",
            "return getmetatable('').__index == string",
            "return not pcall(setmetatable, 1, {}) and not pcall(setmetatable, {}, 1)",
            "local t = setmetatable({}, {__metatable = 1}) return not pcall(setmetatable, t, {})",
        ])
    func closed(source: String) throws {
        for level in [LFVM_SAFE, LFVM_LOCKED] { #expect(try TestVM(level: level).holds(source)) }
    }

    @Test func `F31: os.exit is an error at safe, and there is none at locked`() throws {
        let safe = try TestVM(level: LFVM_SAFE).evaluate("os.exit(3)")
        #expect(safe.status == LFVM_SCRIPT_ERROR && safe.message.hasSuffix("os.exit is not available in the sandbox"))
        #expect(try TestVM(level: LFVM_LOCKED).holds("return os.exit == nil and os.getenv == nil"))
    }

    @Test func `F31: at locked the collector only counts`() throws {
        let vm = try TestVM(level: LFVM_LOCKED)
        #expect(vm.holds("return math.type(collectgarbage('count')) == 'float'"))
        for option in ["'collect'", "'stop'", "'generational'", "", "'count ', 1"] {
            #expect(vm.holds("return not pcall(collectgarbage\(option.isEmpty ? "" : ", " + option))"), "\(option)")
        }
    }

    @Test func `F31: require finds text, not bytecode, and searches no C modules`() throws {
        let vm = try TestVM(level: LFVM_SAFE)
        #expect(vm.holds("return #package.searchers == 2 and package.cpath == ''"))
        #expect(vm.holds("package.preload.m = function() return {7} end return require('m')[1] == 7"))
        #expect(
            vm.holds("local ok, why = pcall(require, 'luafleet.none') return not ok and why:find('no file') ~= nil"))
        #expect(vm.holds("return not pcall(require, 'm')"), "the former task's")
    }

    @Test(arguments: [LFVM_SAFE, LFVM_LOCKED])
    func `no bytecode is loaded as a script, whatever the host allows`(_ level: lfvm_level) throws {
        let vm = try TestVM(level: level)
        #expect(vm.define(Array("\u{1B}Lua".utf8) + [0x54, 0, 0x19], allowBytecode: true).status == LFVM_LOAD_ERROR)
        // A function by value, as an argument; and one as a result, which has no name.
        #expect(vm.evaluate("return function() end").status == LFVM_NOT_ENCODABLE)
        #expect(vm.evaluate("return print").status == LFVM_OK)
    }

    @Test func `locked takes less: 200 levels, a million elements, 8 MiB`() throws {
        let vm = try TestVM(level: LFVM_LOCKED)
        func nested(_ depth: Int) -> lfvm_status {
            vm.evaluate("local t = {} for i = 2, \(depth) do t = {t} end return t").status
        }
        #expect(nested(200) == LFVM_OK && nested(201) == LFVM_RESULT_LIMIT)
        let elements = "local t = {} for i = 1, %d do t[i] = 1 end return t"
        #expect(vm.evaluate(elements.replacing("%d", with: "999990")).status == LFVM_OK)
        #expect(vm.evaluate(elements.replacing("%d", with: "1000001")).status == LFVM_RESULT_LIMIT)
        #expect(vm.evaluate("return ('x'):rep(8 << 20)").status == LFVM_OK)
        #expect(vm.evaluate("return ('x'):rep(9 << 20)").status == LFVM_RESULT_LIMIT)
    }

    @Test func `F30: a limit on results is none on arguments and messages`() throws {
        let vm = try TestVM(resultLimit: 1000)
        let outcome = vm.evaluate("return ('x'):rep(1000)")
        #expect(outcome.status == LFVM_RESULT_LIMIT && outcome.message.contains("larger than 1000 bytes"))
        #expect(vm.evaluate("return ('x'):rep(900)").status == LFVM_OK)
        #expect(
            vm.evaluate(
                "fleet.send(('x'):rep(2000)) return #...", [0x81] + head(2, 5000) + [UInt8](repeating: 65, count: 5000)
            ).status == LFVM_OK)
        #expect(vm.told.messages.count == 1)
    }
}
