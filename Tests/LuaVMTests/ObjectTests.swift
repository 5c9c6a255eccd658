// Objects: tables that keep their metatable, and types with functions of their own.
import LuaVM
import Testing

@Suite struct ObjectTests {
    static let library = """
        Point = {} Point.__index = Point
        function Point.new(x, y) return setmetatable({x = x, y = y}, Point) end
        function Point:sum() return self.x + self.y end
        fleet.register('Point', Point)
        Celsius = {__name = 'Celsius'} Celsius.__index = Celsius
        fleet.register('Celsius', Celsius, {
            encode = function(o) return o.secret end, decode = function(s) return setmetatable({secret = s}, Celsius) end})
        Rational = {} Rational.__index = Rational
        Rational.__fleet_reduce = function(o) return rational, o.p, nil, o.q end
        function rational(p, none, q) assert(none == nil) return setmetatable({p = p, q = q}, Rational) end
        """

    func pair(byNameOnly: Bool = false) throws -> (TestVM, TestVM) {
        let vms = (try TestVM(byNameOnly: byNameOnly), try TestVM(byNameOnly: byNameOnly))
        #expect(vms.0.evaluate(Self.library).status == LFVM_OK)
        #expect(vms.1.evaluate(Self.library).status == LFVM_OK)
        return vms
    }

    @Test(
        "F45: an object of a registered type keeps its methods",
        arguments: [
            ("return Point.new(3, 4)", "return (...):sum() == 7"),
            (
                "return {Point.new(1, 2), p = Point.new(3, 4)}",
                "local t = ... return t[1]:sum() == 3 and t.p:sum() == 7"
            ),
            (
                "local p = Point.new(1, 2) p.self = p return p, {p}",
                "local p, t = ... return p.self == p and t[1] == p and p:sum() == 3"
            ),
            (
                "return setmetatable({secret = {1, 2}}, Celsius)",
                "local c = ... return getmetatable(c) == Celsius and c.secret[2] == 2"
            ),
            (
                "local c = setmetatable({secret = 5}, Celsius) return c, {c, c}",
                "local c, t = ... return t[1] == c and t[2] == c and c.secret == 5"
            ),
            (
                "return {[Point.new(1, 2)] = Point.new(3, 4)}",
                "local k, v = next(...) return k:sum() == 3 and v:sum() == 7"
            ),
            ("return setmetatable({}, Point)", "return getmetatable(...) == Point"),
            ("return setmetatable({}, Celsius)", "return (...).secret == nil"),
            ("local p = Point.new(1, 2) return function() return p:sum() end", "return (...)() == 3"),
            ("return rational(1, nil, 3)", "local r = ... return r.p == 1 and r.q == 3"),
            (
                "local r = rational({1}, nil, 3) return {r, r, r.p}",
                "local t = ... return t[1] == t[2] and t[1].p == t[3]"
            ),
            (
                "return rational(rational(1, nil, 2), nil, Point.new(1, 1))",
                "local r = ... return r.p.q == 2 and r.q:sum() == 2"
            ),
        ])
    func methods(source: String, check: String) throws {
        let (sender, receiver) = try pair()
        let sent = sender.evaluate(source)
        #expect(sent.status == LFVM_OK, "\(sent.message)")
        #expect(receiver.holds(check, sent.bytes))
    }

    @Test("F45: the bytes are as documented")
    func bytes() throws {
        let (vm, _) = try pair()
        #expect(
            vm.evaluate("return setmetatable({5}, Point)").bytes == [0x81, 0xd9, 0xf1, 0xe4, 0x82] + string("Point") + [
                0x81, 5,
            ])
        #expect(
            vm.evaluate("return setmetatable({secret = 5}, Celsius)").bytes == [0x81, 0xd9, 0xf1, 0xe4, 0x82]
                + string("Celsius") + [5])
        let reduced = vm.evaluate(
            "return setmetatable({}, {__fleet_reduce = function() return math.max, 1, 2 end})"
        ).bytes
        #expect(reduced == [0x81, 0xd9, 0xf1, 0xe4, 0x83, 0xd9, 0xf1, 0xe3] + string("math.max") + [1, 2])
        #expect(vm.evaluate("return ...", reduced).bytes == [0x81, 2])
    }

    @Test(
        "F45: what cannot be written as an object is an error with its path",
        arguments: [
            (
                "return setmetatable({secret = {io.stdout}}, Celsius)",
                "cannot send result 1: <state>[1]: userdata (FILE*)"
            ),
            (
                "return {setmetatable({}, {__fleet_reduce = function() end})}",
                "cannot send result 1: [1]: __fleet_reduce returned no function"
            ),
            ("return {a = rational(io.stdout)}", "cannot send result 1: .a<argument 1>: userdata (FILE*)"),
            (
                "fleet.register('Bad', Point, {encode = function() error('no', 0) end}) return {Point.new(1, 2)}",
                "cannot send result 1: [1]: encode raised: no"
            ),
            (
                "local c = setmetatable({}, Celsius) c.secret = {c} return c",
                "cannot send result 1: <state>[1]: a cycle through an object that is written by a function"
            ),
            (
                "local m = {} m.__fleet_reduce = function() return print, setmetatable({}, m) end return setmetatable({}, m)",
                nil
            ),
        ] as [(String, String?)])
    func refused(source: String, message: String?) throws {
        let (vm, _) = try pair()
        let outcome = vm.evaluate(source)
        #expect(outcome.status == (message == nil ? LFVM_RESULT_LIMIT : LFVM_NOT_ENCODABLE))
        if let message { #expect(outcome.message == message) }
        #expect(vm.holds("return true"))
    }

    @Test("F45: a script's encode function may send messages, make garbage and change what is being sent")
    func hostileEncode() throws {
        let (vm, receiver) = try pair()
        let outcome = vm.evaluate(
            """
            local root = {('long'):rep(100000), {}, {}}
            local count = 0
            fleet.register('Odd', Point, {encode = function(o)
                count = count + 1
                fleet.send({count, {}})
                root[1] = nil
                for i = 1, 100 do root['k' .. i] = i end
                collectgarbage() collectgarbage()
                return {}
            end, decode = function() return 'odd' end})
            root[2][1] = Point.new(1, 2) root[3] = root[2]
            return root
            """)
        #expect(vm.told.messages.count == 1)  // once, although the message was written twice
        if outcome.status == LFVM_OK {
            receiver.evaluate("fleet.register('Odd', Point, {decode = function() return 'odd' end})")
            #expect(receiver.holds("return type(...) == 'table'", outcome.bytes))
        } else {
            #expect(outcome.status == LFVM_SCRIPT_ERROR)  // "invalid key to 'next'"
        }
        #expect(vm.holds("return true"))
    }

    @Test("F46: malformed objects are refused, a decode function that raises is a script error")
    func malformed() throws {
        let (vm, _) = try pair()
        let tag: [UInt8] = [0x81, 0xd9, 0xf1, 0xe4]
        for bad in [
            [0x80], [0x81] + string("Point"), [0x82] + string("Point") + [5], [0x83] + string("Point") + [0x80, 0x80],
            [0x82] + string("None") + [0x80], [0x82, 5, 5], [0x82, 0x80, 5], [0xa1, 1, 1], [0x9f, 0xff], [5],
            [0x82] + string("Point"), [0x82] + string("Point") + [0xd8, 29, 0],
        ] as [[UInt8]] {
            #expect(vm.evaluate("return 1", tag + bad).status == LFVM_BAD_MESSAGE, "\(bad)")
        }
        let open: [UInt8] = [0x81, 0xd8, 28, 0xd9, 0xf1, 0xe4, 0x82] + string("Celsius") + [0x81, 0xd8, 29, 0]
        #expect(vm.evaluate("return 1", open).message.contains("an object that is not complete"))
        #expect(
            vm.evaluate("return 1", tag + [0x82] + string("None") + [0x80]).message
                == "malformed message: no type \"None\" is registered here")
        vm.evaluate("fleet.register('Bad', {}, {decode = function() error('no', 0) end})")
        let raised = vm.evaluate("return 1", tag + [0x82] + string("Bad") + [0x80])
        #expect(raised.status == LFVM_SCRIPT_ERROR)
        #expect(raised.message == "no")
        #expect(vm.holds("return true"))
    }

    @Test("F43: objects nest to the cap of depth, whatever they are made of")
    func depth() throws {
        let vm = try TestVM(depth: 20)
        vm.evaluate(Self.library)
        for make in [
            "setmetatable({t}, Point)", "setmetatable({secret = t}, Celsius)", "function() return t end", "rational(t)",
        ] {
            let source =
                "local n, t = ..., 1 for i = 1, n do local inner = t t = \(make.replacing("t}", with: "inner}").replacing(" t ", with: " inner ").replacing("(t)", with: "(inner)")) end return t"
            let deepest = vm.evaluate(source, [0x81, 20])
            #expect(deepest.status == LFVM_OK, "\(make): \(deepest.message)")
            #expect(vm.evaluate("return 1", deepest.bytes).status == LFVM_OK, "\(make)")
            #expect(vm.evaluate(source, [0x81, 21]).status == LFVM_RESULT_LIMIT, "\(make)")
        }
    }

    @Test("F31, F45: in a sandbox registered types cross, constructors do not")
    func sandbox() throws {
        let (sender, receiver) = try pair(byNameOnly: true)
        #expect(receiver.holds("return (...):sum() == 3", sender.evaluate("return Point.new(1, 2)").bytes))
        let reduced: [UInt8] = [0x81, 0xd9, 0xf1, 0xe4, 0x82, 0xd9, 0xf1, 0xe3] + string("os.exit") + [1]
        #expect(
            receiver.evaluate("return 1", reduced).message.hasPrefix(
                "malformed message: an object with a constructor, which a sandbox does not take"))
    }

    @Test("F45: fleet.register checks its arguments, and a new registration replaces the old one")
    func registration() throws {
        let (vm, _) = try pair()
        for source in [
            "fleet.register()", "fleet.register(1, {})", "fleet.register('x')", "fleet.register('x', {}, 5)",
            "fleet.register('x', {}, {encode = 1})",
        ] {
            #expect(vm.evaluate(source).status == LFVM_SCRIPT_ERROR, "\(source)")
        }
        vm.evaluate("local p = Point.new(1, 2) fleet.register('Renamed', Point)")
        #expect(
            vm.evaluate("return setmetatable({}, Point)").bytes == [0x81, 0xd9, 0xf1, 0xe4, 0x82] + string("Renamed")
                + [0x80])
        #expect(
            vm.evaluate("return 1", [0x81, 0xd9, 0xf1, 0xe4, 0x82] + string("Point") + [0x80]).status
                == LFVM_BAD_MESSAGE)
        vm.evaluate("fleet.register('Renamed', Celsius)")
        #expect(vm.evaluate("return setmetatable({1}, Point)").bytes == [0x81, 0x81, 1])
    }
}
