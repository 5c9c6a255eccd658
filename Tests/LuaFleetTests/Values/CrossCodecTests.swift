// The two codecs test each other: values of Lua through Swift, values of Swift through Lua. F42, F43, F44.

import LuaFleetWire
import LuaVM
import Testing

@testable import LuaFleet

/// A Lua interpreter in this process, with one script.
private final class Interpreter {
    private let vm: OpaquePointer

    init(_ source: String) throws {
        var options = lfvm_options()
        options.seed = (1, 2)
        vm = try #require(lfvm_create(&options))
        var failure = lfvm_message()
        let status = Array(source.utf8).withUnsafeBufferPointer { bytes in
            lfvm_define(vm, 1, "@test.lua", bytes.baseAddress!, bytes.count, false, &failure)  // not empty
        }
        try #require(status == LFVM_OK)
    }

    deinit { lfvm_destroy(vm) }

    /// Calls a function of the script. The message of its results, or nil after recording why there is none.
    func call(_ function: String, _ arguments: [UInt8]) -> [UInt8]? {
        var task = lfvm_task(index: 1, attempt: 1)
        var message = lfvm_message()
        let status = arguments.withUnsafeBufferPointer { bytes in
            let start = bytes.baseAddress!  // a message is never empty
            return lfvm_run(vm, 1, function, function.utf8.count, start, bytes.count, false, &task, &message)
        }
        var result: [UInt8] = []
        for number in 0..<message.piece_count {
            guard let piece = message.pieces?[number], let bytes = piece.bytes else { continue }
            result += UnsafeBufferPointer(start: bytes, count: piece.count)
        }
        guard status == LFVM_OK else {
            Issue.record("\(function): \((try? LuaResults(message: result)).map(Array.init) ?? [])")
            return nil
        }
        return result
    }
}

@Suite("Both codecs")
struct CrossCodecTests {
    /// Makes a value of a seed, and compares two values: the same shape, the same sharing, functions that do the same.
    static let script = """
        local made
        local function scalar()
            local kind = math.random(10)
            if kind == 1 then return math.random(0) end
            if kind == 2 then return math.random(-300, 300) end
            if kind == 3 then return (math.random() - 0.5) * 10 ^ math.random(-300, 300) end
            if kind == 4 then return math.random(-20, 20) + 0.0 end
            if kind == 5 then return ({0 / 0, 1 / 0, -1 / 0, -0.0, math.mininteger, math.maxinteger})[math.random(6)] end
            if kind == 6 then return math.random(2) == 1 end
            if kind == 7 then return fleet.null end
            if kind == 8 then return string.rep('x', math.random(0, 300)) end
            local bytes = {}
            for i = 1, math.random(0, 30) do bytes[i] = string.char(math.random(0, 255)) end
            return table.concat(bytes)
        end
        local value
        local function counters(depth)
            -- Two functions that share a variable, one of which knows itself.
            local count, inside = math.random(100), value(depth - 1)
            local function self(n) return n > 0 and self(n - 1) or inside end
            local function add() count = count + 1 return count end
            local function get() return count, self end
            return {add = add, get = get, self = self, print = print, upper = string.upper}
        end
        function value(depth)
            if depth == 0 or math.random(3) == 1 then return scalar() end
            if #made > 0 and math.random(8) == 1 then return made[math.random(#made)] end
            if math.random(12) == 1 then return counters(depth) end
            local t = {}
            made[#made + 1] = t
            for i = 1, math.random(0, 6) do t[i] = value(depth - 1) end
            if math.random(4) == 1 then t[math.random(10)] = nil end
            for i = 1, math.random(0, 40) // 4 do
                local k = scalar()
                if k == k then t[k] = value(depth - 1) end
            end
            if math.random(10) == 1 then t[{}] = value(depth - 1) end
            return t
        end
        local function random(seed)
            math.randomseed(seed)
            made = {}
            return value(math.random(0, 4))
        end
        local function same(a, b)
            local met = {}
            local function compare(a, b)
                if type(a) == 'function' and type(b) == 'function' then
                    if a == print or a == string.upper then return a == b end
                    if met[a] then return met[a] == b end
                    met[a] = b
                    return true
                end
                if type(a) ~= 'table' or type(b) ~= 'table' then
                    return math.type(a) == math.type(b) and
                        (a == b and (a ~= 0 or 1 / a == 1 / b or math.type(a) == 'integer') or a ~= a and b ~= b)
                end
                if met[a] then return met[a] == b end
                met[a] = b
                local keys, odd = 0, nil
                for k, v in pairs(a) do
                    keys = keys + 1
                    if type(k) == 'table' then odd = v elseif not compare(v, b[k]) then return false end
                end
                for k, v in pairs(b) do
                    keys = keys - 1
                    if type(k) == 'table' and not compare(odd, v) then return false end
                end
                if keys == 0 and a.add and a.get then
                    local count, self = a.get()
                    local count2, self2 = b.get()
                    if count ~= count2 or self2 ~= b.self then return false end
                    a.add()
                    if b.add() ~= count + 1 or b.get() ~= count + 1 then return false end
                    return compare(self(3), self2(3))
                end
                return keys == 0
            end
            return compare(a, b)
        end
        return {
            random = random, check = function(seed, v) return same(random(seed), v) end,
            echo = function(...) return ... end, second = function(a, b) return b end,
        }
        """

    @Test("values of Lua pass through Swift unchanged, with what they share and with their functions")
    func throughSwift() throws {
        let seed = Int(testSeed >> 34)
        print("values through both codecs: \(repetitions(10_000)), seed \(seed)")
        let sender = try Interpreter(Self.script)
        let receiver = try Interpreter(Self.script)
        for number in seed..<(seed + repetitions(10_000)) {
            let sent = try #require(sender.call("random", encoded(LuaValue(number))), "seed \(number)")
            let results = try LuaResults(message: sent)
            #expect(results.count == 1)
            let back = try encoded(LuaValue(number), results[0])
            let checked = try #require(receiver.call("check", back), "seed \(number)")
            guard checked == [0x81, 0xf5] else {
                Issue.record("seed \(number): \(results[0]) is not what was sent: \(hex(sent)) became \(hex(back))")
                return
            }
            // The same value inside of a Codable type.
            if number.isMultiple(of: 8) {
                let wrapped = try #require(sender.call("echo", encoded(["first": [results[0]], "again": results[0]])))
                let dictionary = try LuaMessage.decode([String: LuaValue].self, from: wrapped)
                guard dictionary["again"] == results[0], dictionary["first"]?[1] == results[0] else {
                    Issue.record("seed \(number): \(hex(wrapped))")
                    return
                }
            }
        }
    }

    @Test("values of Swift pass through Lua unchanged")
    func throughLua() throws {
        var random = SeededGenerator(seed: testSeed)
        let interpreter = try Interpreter(Self.script)
        for round in 0..<repetitions(50_000) {
            let value = LuaValue.random(
                Int.random(in: 1..<12, using: &random), onlyScalarKeys: true, handles: false, using: &random)
            let bytes = try #require(interpreter.call("echo", encoded(value)))
            guard try LuaMessage.decode(LuaValue.self, from: bytes) == value else {
                Issue.record("seed \(testSeed), round \(round): \(value) became \(try LuaResults(message: bytes)[0])")
                return
            }
        }
    }

    @Test("of two functions that share a variable each can be sent without the other, in any order (F44)")
    func functions() throws {
        let script = """
            local n = 10
            local function add() n = n + 1 return n end
            local function get() return n end
            return {make = function() return add, get end,
                use = function(get, add) add() add() return get() end, one = function(get) return get() end}
            """
        let interpreter = try Interpreter(script)
        let functions = try LuaResults(message: #require(interpreter.call("make", [0x80])))
        #expect(functions.count == 2 && functions[0].typeName == "function")
        let swapped = try encoded(functions[1], functions[0])
        #expect(try LuaResults(message: #require(interpreter.call("use", swapped)))[0] == 12)
        #expect(try LuaResults(message: #require(interpreter.call("one", encoded(functions[1]))))[0] == 10)
        let nested: LuaValue = [["f": functions[1]], functions[0]]
        let copy = try LuaMessage.decode([LuaValue].self, from: encoded(nested))
        #expect(try LuaResults(message: #require(interpreter.call("use", encoded(copy[0]["f"], copy[1]))))[0] == 12)
        #expect(functions[0] == functions[0] && functions[0] != functions[1])
    }

    @Test("Codable types and Lua understand each other")
    func codable() throws {
        struct Point: Codable, Equatable { var x: Double, y: Double?, tags: [String], color: [Int: Bool] }
        let interpreter = try Interpreter(Self.script)
        let points = [
            Point(x: 1.5, y: nil, tags: ["a", "b"], color: [1: true, 5: false]),
            Point(x: -0.0, y: .infinity, tags: [], color: [:]),
        ]
        let bytes = try #require(interpreter.call("echo", LuaMessage.encode(arguments: [points])))
        #expect(try LuaMessage.decode([Point].self, from: bytes) == points)
        let names = ["one": 1, "two": 2]
        let second = try #require(interpreter.call("second", LuaMessage.encode(arguments: [1, names])))
        #expect(try LuaMessage.decode([String: Int].self, from: second) == names)
    }
}
