// Hostile and buggy scripts, with honest ones among them, and what each must come to at each sandbox level.

/// A script and its outcome at `none`, `safe` and `locked`: "ok" where it returns true, else the word for the error; "a|b": either.
struct HostileScript: Sendable {
    let group: String
    let source: String
    /// Runs before it on the same worker, in the group of leaks.
    let before: String?
    let expected: [String]

    init(_ group: String, _ source: String, before: String? = nil, _ none: String, _ safe: String, _ locked: String) {
        self.group = group
        self.source = source
        self.before = before
        expected = [none, safe, locked]
    }

    private static func everywhere(_ group: String, _ source: String, _ outcome: String) -> HostileScript {
        HostileScript(group, source, outcome, outcome, outcome)
    }

    /// Possible with the app's rights, an error where the library is not there.
    private static func withheld(_ group: String, _ source: String) -> HostileScript {
        HostileScript(group, source, "ok", "script", "script")
    }

    static let all =
        memory + result + error + crash + exit + files + network + processes + bytecode + protocols + output

    /// Each computes without end, or hardly at all.
    static let cpu = [
        everywhere("cpu", "while true do pcall(string.rep, 'x', 1e9) end", "cpu_limit"),
        everywhere("cpu", "while true do end", "cpu_limit"),
        everywhere("cpu", "while true do pcall(error) end", "cpu_limit"),
        everywhere("cpu", "local function f() while true do end end while true do pcall(f) end", "cpu_limit"),
        everywhere("cpu", "return ('a'):rep(5000):find(('.-'):rep(60) .. 'b')", "cpu_limit"),
        everywhere(
            "cpu",
            "setmetatable({}, {__gc = function() while true do end end}) while true do local t = {} end",
            "cpu_limit"),
        everywhere("cpu", "while true do coroutine.wrap(function() end)() end", "cpu_limit"),
        everywhere(
            "cpu", "local c <close> = setmetatable({}, {__close = function() while true do end end}) return true",
            "cpu_limit"),
        everywhere("cpu", "return setmetatable({}, {__index = function() while true do end end}).x", "cpu_limit"),
        everywhere("cpu", "table.sort({3, 2, 1}, function() while true do end end)", "cpu_limit"),
        everywhere("cpu", "string.gsub(('x'):rep(9), '.', function() while true do end end)", "cpu_limit"),
        everywhere("cpu", "load(function() while true do end end)", "cpu_limit"),
        everywhere("cpu", "error(setmetatable({}, {__tostring = function() while true do end end}))", "cpu_limit"),
        everywhere(
            "cpu", "local function fib(n) return n < 2 and n or fib(n - 1) + fib(n - 2) end return fib(15) == 610", "ok"
        ),
        everywhere("cpu", "fleet.sleep(0.5) return true", "ok"),
    ]

    static let memory = [
        everywhere("memory", "return ('x'):rep(1e10)", "memory_limit"),
        everywhere("memory", "local t = {} for i = 1, math.huge do t[i] = i end", "memory_limit"),
        everywhere("memory", "local s = 'x' while true do s = s .. s end", "memory_limit"),
        everywhere("memory", "local t = {} while true do t = {t} end", "memory_limit"),
        everywhere(
            "memory", "local t = {} while true do t[#t + 1] = coroutine.create(function() end) end", "memory_limit"),
        everywhere("memory", "local t = {} for i = 1, 1e9 do t['key' .. i] = true end", "memory_limit"),
        everywhere(
            "memory", "local t = {} for i = 1, 1e6 do t[i] = ('x'):rep(100) .. i end return table.concat(t)",
            "memory_limit"),
        everywhere(
            "memory",
            "local t = setmetatable({}, {__mode = 'k'}) for i = 1, 1e7 do t[{}] = ('x'):rep(64) end return true",
            "memory_limit|ok|cpu_limit"),
        everywhere("memory", "local function f() return 1 + f() end return f()", "script|memory_limit"),
        everywhere("memory", "return #('x'):rep(4 << 20) == 4 << 20", "ok"),
        everywhere("memory", "for i = 1, 1000 do local s = ('x'):rep(1 << 16) end return true", "ok"),
    ]

    static let result = [
        everywhere("result", "return ('x'):rep(3 << 20)", "result_limit"),
        everywhere(
            "result", "local t = {} for i = 1, 1e6 do t[i] = 1e15 + i end return t", "result_limit|memory_limit"),
        HostileScript(
            "result", "local t = {} for i = 1, 300 do t = {t} end return t and true, t", "ok", "ok", "result_limit"),
        everywhere("result", "local t = {} for i = 1, 5000 do t = {t} end return t", "result_limit"),
        everywhere("result", "return coroutine.create(print)", "not_encodable"),
        HostileScript("result", "return true, function() end", "ok", "not_encodable", "not_encodable"),
        everywhere("result", "return true, setmetatable({}, {__len = error, __pairs = error, __index = error})", "ok"),
        everywhere("result", "local t = {} t.t = t t[t] = t return true, t", "ok"),
        everywhere("result", "return true, 0/0, 1/0, -0.0, math.mininteger, '\\0\\255', nil", "ok"),
    ]

    static let error = [
        everywhere("error", "error()", "script"), everywhere("error", "error({code = 5})", "script"),
        everywhere("error", "error(setmetatable({}, {__tostring = error}))", "script"),
        everywhere("error", "error(('x'):rep(1 << 20))", "script"),
        everywhere("error", "local t = {} t.t = t error(t)", "script"),
        everywhere("error", "error(coroutine.create(print))", "script"),
        everywhere("error", "xpcall(error, error) error('after')", "script"),
        everywhere("error", "local t for i = 1, 1e5 do t = {t} end error(t)", "script"),
        everywhere("error", "coroutine.yield()", "script"), everywhere("error", "return nil + 1", "script"),
        everywhere("error", "return (", "script"), everywhere("error", "return pcall(error, 'x') == false", "ok"),
    ]

    static let crash = [
        HostileScript("crash", "os.execute('kill -SEGV $PPID')", "worker_died", "script", "script"),
        HostileScript("crash", "os.execute('kill -KILL $PPID')", "worker_died", "script", "script"),
        everywhere("crash", "return load(('('):rep(1e5) .. '1' .. (')'):rep(1e5)) == nil", "ok"),
        everywhere(
            "crash", "local s = 'x' for i = 1, 300 do s = '(' .. s .. ')' end return not pcall(string.find, 'x', s)",
            "ok"),
        everywhere(
            "crash",
            "local f = 'return 1' for i = 1, 250 do f = 'return (function() ' .. f .. ' end)()' end return load(f) == nil",
            "ok"),
        everywhere(
            "crash",
            "local t = setmetatable({}, {}) getmetatable(t).__index = t return not pcall(function() return t.x end)",
            "ok"),
        everywhere("crash", "return not pcall(string.format, '%1000d', 1) and not pcall(string.pack, 'i17', 1)", "ok"),
        everywhere("crash", "local function f() coroutine.wrap(f)() end return not pcall(f)", "ok"),
    ]

    static let exit = [
        HostileScript("exit", "os.exit(3)", "worker_died", "script", "script"),
        HostileScript("exit", "os.exit(0)", "worker_died", "script", "script"),
        HostileScript("exit", "pcall(os.exit, true, true) return true", "worker_died", "ok", "ok"),
        HostileScript("exit", "coroutine.wrap(os.exit)()", "worker_died", "script", "script"),
    ]

    static let files = [
        withheld("files", "return io.open('/etc/passwd'):read('a') ~= ''"),
        withheld("files", "for line in io.lines('/etc/passwd') do return line ~= '' end"),
        withheld(
            "files", "local p = os.tmpname() local f = io.open(p, 'w') f:write('x') f:close() return os.remove(p)"),
        withheld("files", "return select('#', os.remove('/nonexistent/file')) == 3"),
        withheld("files", "return select('#', os.rename('/nonexistent/a', '/nonexistent/b')) == 3"),
        withheld("files", "return io.tmpfile() ~= nil"),
        withheld("files", "return io.stdout:write('') == io.stdout"),
        withheld("files", "io.output('/dev/null') io.write('x') return true"),
        HostileScript("files", "return loadfile('/etc/passwd') == nil", "ok", "ok", "script"),
        HostileScript(
            "files", "return not pcall(dofile, '/etc/passwd') and dofile ~= nil and true or error('none')", "ok", "ok",
            "script"),
        HostileScript("files", "return package.searchpath('passwd', '/etc/?') == '/etc/passwd'", "ok", "ok", "script"),
        withheld("files", "return package.loadlib('libc.so.6', '*') == true"),
        HostileScript("files", "return #package.searchers == 4", "ok", "script|false", "script"),
        HostileScript("files", "return os.getenv('PATH') ~= nil", "ok", "false", "script"),
        withheld("files", "return debug.getregistry() ~= nil"),
        withheld("files", "return os.setlocale('C') == 'C'"),
        everywhere("files", "return type(os.time()) == 'number' and os.date('%Y') >= '2024'", "ok"),
    ]

    static let network = [
        withheld("network", "return io.open('/proc/net/tcp'):read('a') ~= ''"),
        HostileScript(
            "network", "return not pcall(require, 'socket') and require ~= nil or error('none')", "ok", "ok", "script"),
    ]

    static let processes = [
        withheld("processes", "return os.execute('true')"),
        withheld("processes", "return io.popen('echo x'):read('l') == 'x'"),
        withheld("processes", "return os.execute('kill -0 1; kill -0 $PPID')"),
        withheld("processes", "for i = 1, 20 do os.execute('true &') end return true"),
        withheld("processes", "os.execute('sleep 1000 &') return true"),
    ]

    static let bytecode = [
        withheld("bytecode", "return load(string.dump(function() return true end))()"),
        HostileScript("bytecode", "return load('\\27Lua') == nil", "ok", "ok", "ok"),
        HostileScript("bytecode", "return load('return 1', 'x', 'b') == nil", "ok", "ok", "ok"),
    ]

    static let protocols = [
        withheld(
            "protocol",
            "for fd = 0, 20 do local f = io.open('/proc/self/fd/' .. fd, 'a') if f then f:write('junk') f:close() end end return true"
        ),
        withheld("protocol", "os.execute('for fd in 0 1 2 3 4 5; do echo junk 2>/dev/null >&$fd; done') return true"),
        everywhere("protocol", "print('\\27LuaFlt\\n') print(('\\0'):rep(64)) return true", "ok"),
        everywhere("protocol", "fleet.send(true) fleet.progress(1, 2) fleet.log('info', 'x') return true", "ok"),
        everywhere("protocol", "for i = 1, 2000 do fleet.send(i) end return true", "ok"),
        everywhere("protocol", "fleet.send(('x'):rep(1 << 20)) return true", "ok"),
        everywhere(
            "protocol", "fleet.worker = nil fleet.task = nil fleet.state = nil fleet.send = nil return true", "ok"),
    ]

    static let output = [
        everywhere("output", "while true do print('flood') end", "output_limit"),
        everywhere("output", "print(('x'):rep(1 << 20))", "output_limit"),
        HostileScript("output", "while true do io.write('flood') end", "output_limit", "script", "script"),
        HostileScript("output", "while true do io.stderr:write('flood') end", "output_limit", "script", "script"),
        everywhere("output", "warn('@on') while true do warn('flood') end", "output_limit"),
        HostileScript("output", "os.execute('yes | head -c 1000000')", "output_limit", "script", "script"),
        everywhere("output", "print(('x'):rep(1000)) return true", "ok"),
    ]

    /// On one worker whose state is shared: what the script before left must not be found at safe and locked.
    static let leaks: [HostileScript] = [
        ("mark = 1", "mark == nil"), ("string.mark = 1", "('').mark == nil"),
        ("getmetatable('').__index.mark = 1", "('').mark == nil"), ("math.pi = 3", "math.pi > 3.1"),
        ("print = nil", "print ~= nil"), ("package.loaded.mark = {}", "package == nil or package.loaded.mark == nil"),
        (
            "setmetatable(_G, {__index = function() return 1 end})",
            "rawget(_G, 'mark') == nil and getmetatable(_G) == nil"
        ),
        ("fleet.mark = 1", "fleet.mark == nil"), ("collectgarbage('stop')", "locked or collectgarbage('isrunning')"),
        ("local function again() mark = 1 setmetatable({}, {__gc = again}) end again()", "mark == nil"),
        ("coroutine.wrap(function() mark = 1 coroutine.yield() end)()", "mark == nil"),
    ].map { leave, isClean in
        HostileScript(
            "leaks", "local locked = io == nil and require == nil return \(isClean)", before: leave, "false", "ok", "ok"
        )
    }
}
