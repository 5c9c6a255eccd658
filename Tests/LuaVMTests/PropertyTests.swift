// Random values and random damage, with the seeds printed.
import LuaVM
import LuaVMFuzz
import Testing

@Suite struct PropertyTests {
    /// Makes a random value of a seed, and compares two values as graphs: the same shape, the same sharing.
    static let script = """
        local function random(seed)
            math.randomseed(seed)
            local made = {}
            local function scalar()
                local kind = math.random(9)
                if kind == 1 then return math.random(0) end
                if kind == 2 then return math.random(-300, 300) end
                if kind == 3 then return (math.random() - 0.5) * 10 ^ math.random(-300, 300) end
                if kind == 4 then return math.random(-20, 20) + 0.0 end
                if kind == 5 then return ({0 / 0, 1 / 0, -1 / 0, -0.0, math.mininteger, math.maxinteger})[math.random(6)] end
                if kind == 6 then return math.random(2) == 1 end
                if kind == 7 then return fleet.null end
                local bytes = {}
                for i = 1, math.random(0, 30) do bytes[i] = string.char(math.random(0, 255)) end
                return table.concat(bytes)
            end
            local function value(depth)
                if depth == 0 or math.random(3) == 1 then return scalar() end
                if #made > 0 and math.random(8) == 1 then return made[math.random(#made)] end
                local t = {}
                made[#made + 1] = t
                local count = math.random(0, 6)
                local first, last, step = 1, count, 1
                if math.random(2) == 1 then first, last, step = count, 1, -1 end
                for i = first, last, step do t[i] = value(depth - 1) end
                if math.random(4) == 1 then t[math.random(10)] = nil end
                for i = 1, math.random(0, 40) // 8 do
                    local k = scalar()
                    if k == k then t[k] = value(depth - 1) end
                end
                if math.random(10) == 1 then t[value(1) == nil and 1 or {}] = value(depth - 1) end
                return t
            end
            return value(math.random(0, 5))
        end
        local function same(a, b)
            local met = {}
            local function compare(a, b)
                if type(a) ~= 'table' or type(b) ~= 'table' then
                    return math.type(a) == math.type(b) and (a == b and (a ~= 0 or 1 / a == 1 / b or math.type(a) == 'integer') or a ~= a and b ~= b)
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
                return keys == 0
            end
            return compare(a, b)
        end
        return {random = random, check = function(seed, v) return same(random(seed), v) end}
        """

    @Test("F42, F43: 100,000 random values pass from one VM to another unchanged")
    func randomValues() throws {
        let seed = UInt32.random(in: 0 ... .max / 2)
        print("LuaVMTests: random values from seed \(seed)")
        let sender = try TestVM()
        let receiver = try TestVM()
        sender.define(Self.script)
        receiver.define(Self.script)
        for n in seed..<(seed + 100_000) {
            let number: [UInt8] = [0x1a] + (0..<4).map { UInt8(truncatingIfNeeded: n >> (24 - 8 * $0)) }
            let sent = sender.run(function: "random", [0x81] + number)
            guard sent.status == LFVM_OK else {
                Issue.record("seed \(n): \(sent.status) \(sent.message)")
                return
            }
            let checked = receiver.run(function: "check", [0x82] + number + sent.bytes.dropFirst())
            guard checked.bytes == [0x81, 0xf5] else {
                Issue.record("seed \(n): \(checked.status) \(checked.message)")
                return
            }
        }
    }

    @Test("F46: a million mutated messages are refused or are good ones")
    func mutations() {
        let seed = UInt64.random(in: 0 ... .max)
        print("LuaVMTests: mutated messages from seed \(seed)")
        let counts = lfvm_fuzz(seed, 1_000_000)
        #expect(counts.wrong == 0, "seed \(seed)")
        #expect(counts.accepted > 10_000 && counts.refused > 100_000)
    }

    @Test("F46: the benchmark measures every kind")
    func bench() {
        for kind in [LFVM_BENCH_INTEGER, LFVM_BENCH_FLOAT, LFVM_BENCH_STRING, LFVM_BENCH_ENTRY, LFVM_BENCH_SMALL_TABLE]
        {
            var result = lfvm_bench_result()
            #expect(lfvm_bench_codec(kind, &result))
            #expect(result.encode_nanoseconds > 0 && result.decode_nanoseconds > 0 && result.wire_bytes > 1)
        }
    }
}
