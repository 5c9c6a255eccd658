// Shared objects in a VM whose host is a function: every allocation fails once, and what comes out of lent memory is not believed.
import CFleetSystem
import LuaFleetWire
import LuaVM
import Testing

/// Answers every request at once. One object of each kind, whose number is its kind's.
final class FunctionHost {
    /// The task that runs.
    let sequence = UnsafeMutablePointer<UInt32>.allocate(capacity: 1)
    private(set) var requests: [SharedOperation] = []
    private(set) var openDescriptors: Set<Int32> = []
    /// What is lent, to look into it.
    private(set) var ring: UnsafeMutablePointer<lfs_ring>?

    private var vm: TestVM?

    init() { sequence.initialize(to: 7) }
    deinit {
        // The VM's end lets go of handles.
        var nobody = lfvm_callbacks()
        if let vm { lfvm_set_callbacks(vm.vm, &nobody) }
        if let ring { lfs_unmap(ring, MemoryLayout<lfs_ring>.size) }
        sequence.deallocate()
    }

    func serve(_ vm: TestVM) {
        self.vm = vm
        var callbacks = lfvm_callbacks()
        callbacks.context = Unmanaged.passUnretained(self).toOpaque()
        callbacks.sequence = UnsafePointer(sequence)
        callbacks.request = { context, request, reply in
            Unmanaged<FunctionHost>.fromOpaque(context!).takeUnretainedValue().answer(request.pointee, reply)
        }
        lfvm_set_callbacks(vm.vm, &callbacks)
    }

    private func answer(_ request: lfvm_request, _ reply: UnsafeMutablePointer<lfvm_reply>?) {
        guard let operation = SharedOperation(rawValue: UInt16(request.operation)) else { return }
        requests.append(operation)
        guard let reply else { return }
        var writer = ValueWriter(capacity: 64)
        let kind = SharedKind(rawValue: UInt32(operation == .create ? UInt64(request.argument) : request.object))
        switch operation {
        case .create:
            writer.beginMessage(items: kind == .connection ? 2 : 1)
            for _ in 0..<(kind == .connection ? 2 : 1) {
                writer.tag(ValueTag.handle)
                writer.array(count: 2)
                writer.head(ValueMajor.unsigned, UInt64(request.argument))
                writer.head(ValueMajor.unsigned, UInt64(request.argument))
            }
        case .map:
            let isLent = kind?.isMapped != true
            let count = isLent ? 0 : 4096
            let fd = lfs_mapped_file(isLent ? MemoryLayout<lfs_ring>.size : count * 8 + 64)
            if kind == .queue || kind == .connection, let start = lfs_map_memory(fd, MemoryLayout<lfs_ring>.size) {
                if let ring { lfs_unmap(ring, MemoryLayout<lfs_ring>.size) }
                ring = start.assumingMemoryBound(to: lfs_ring.self)
                lfs_ring_begin(ring!)  // set one line above
                lfs_ring_lend(ring!, 0, 0, 0, 100, 1)  // likewise
            }
            reply.pointee.fd = fd
            writer.beginMessage(items: 6)
            writer.integer(kind == .memory || kind == .shareableList ? 5 : isLent ? 0 : 4)
            writer.integer(Int64(kind == .memory || kind == .shareableList ? count * 8 : count))
            writer.string("an object")
            writer.integer(3)
            writer.integer(Int64(count * 8))
            writer.boolean(true)
        case .tableGet, .beginUpdate, .get, .receive, .size, .tableCount:
            writer.beginMessage(items: 1)
            writer.integer(5)
        case .tableEntries:
            writer.beginMessage(items: 1)
            writer.array(count: 2)
            writer.string("key")
            writer.integer(5)
        default: writer.beginMessage(items: 0)
        }
        let bytes = writer.bytes()
        let copy = UnsafeMutablePointer<UInt8>.allocate(capacity: bytes.count)  // malloc(3), as its reader wants
        copy.initialize(from: bytes, count: bytes.count)
        reply.pointee.bytes = UnsafePointer(copy)
        reply.pointee.count = bytes.count
        reply.pointee.status = LFVM_REPLY_DONE
    }
}

@Suite struct SharedObjectTests {
    static let script = """
        return {work = function()
            local q, j = fleet.Queue(3), fleet.JoinableQueue()
            q:size()  -- the first time it asks
            q:put({1, "x"}) assert(q:get()[2] == "x") assert(q:size() == 0 and #q == 0)
            q:put(("x"):rep(1000))
            assert(j:get() == 5) j:task_done()
            local a, b = fleet.Pipe() a:send(1) a:poll() a:recv() a:close()
            local l, r = fleet.Lock(), fleet.RecursiveLock()
            l:acquire() l:release()
            assert(l:with(function(x) return x end, 4) == 4)
            r:acquire() r:acquire() r:release() r:release()
            local s, e, c, m = fleet.Semaphore(2), fleet.Event(), fleet.Condition(r), fleet.Barrier(2)
            s:acquire() s:release() e:set() e:is_set() e:wait(1) e:clear()
            c:acquire() c:wait(1) c:notify() c:release() m:wait(1)
            local v, n = fleet.Value("i64", 1), fleet.Array("i64", {1, 2, 3})
            v:set(4) assert(v:add(1) == 5) v:cas(5, 6) n[2] = 7 n:add(2, 1) assert(n[2] == 8 and #n == 4096)
            n:write(1, {1, 2, 3}) assert(n:read(1, 3)[3] == 3) v:acquire() v:release()
            local y = fleet.SharedMemory(100)
            y:write(3, "abc") local part = y:slice(3, 10) assert(part:read(1, 3) == "abc" and #part == 10)
            part:slice(2, 2)[1] = 65 assert(y:read(4, 1) == "A") part = tostring(part)
            y:set_numbers("f64", 1, {1.5}) assert(y:numbers("f64", 1, 1)[1] == 1.5)
            local d = fleet.Dictionary{a = {1}}
            d.x = {y = 1} assert(d.x == 5) d:update("x", function(x) return x + 1 end) for k, w in pairs(d) do assert(w == 5) end
            d:copy() d:clear() fleet.List{1}:insert(2) fleet.List{1}:remove()
            fleet.wait({q, a}, 0)
            return q, l, v
        end}
        """

    @Test func `every allocation that shared objects make fails once, and nothing is left behind`() throws {
        let vm = try TestVM()
        let host = FunctionHost()
        defer { withExtendedLifetime(host) {} }
        host.serve(vm)
        let defined = vm.define(Self.script)
        #expect(defined.status == LFVM_OK, "\(defined.message)")
        let worked = vm.run(function: "work")
        #expect(worked.status == LFVM_OK, "\(worked.message)")
        func collect() -> Int {
            _ = vm.evaluate("collectgarbage() collectgarbage()")
            return lfvm_memory_used(vm.vm)
        }
        var last = LFVM_MEMORY_LIMIT
        var refused = 0
        for n in 1...100_000 {
            lfvm_refuse_allocations(vm.vm, n, 1)
            let outcome = vm.run(function: "work")
            last = outcome.status
            let made = lfvm_refuse_allocations(vm.vm, 0, 0)
            if made < n { break }
            refused += 1
            #expect(
                [LFVM_OK, LFVM_MEMORY_LIMIT, LFVM_SCRIPT_ERROR].contains(last), "allocation \(n): \(outcome.message)")
        }
        #expect(last == LFVM_OK && refused > 30, "\(last) \(refused)")
        let before = collect()
        for n in 1...300 {
            lfvm_refuse_allocations(vm.vm, n, 2)
            _ = vm.run(function: "work")
            lfvm_refuse_allocations(vm.vm, 0, 0)
        }
        #expect(collect() <= before + 4096)
        host.serve(vm)
        #expect(vm.run(function: "work").status == LFVM_OK)
    }

    @Test func `what a task still has of a lent lock and queue is given back at its end`() throws {
        let vm = try TestVM()
        let host = FunctionHost()
        defer { withExtendedLifetime(host) {} }
        host.serve(vm)
        vm.define(
            "return {hold = function() held = fleet.Lock() held:acquire() q = fleet.Queue(3) q:put(1) q:put(2) assert(q:get() == 2) end}"
        )
        #expect(vm.run(function: "hold").status == LFVM_OK)
        #expect(vm.evaluate("return held:is_locked(), q:size()").bytes == vm.evaluate("return false, 0").bytes)
        #expect(vm.evaluate("return select(2, held:acquire())").bytes == vm.evaluate("return 'owner died'").bytes)
        // In nobody's hand any more.
        let ring = try #require(host.ring)
        for cell in 0..<UInt32(LFS_RING_CELLS) { #expect(lfs_ring_cell_at(ring, cell).pointee.state >> 62 == 0) }
    }

    @Test func `a lent queue with nonsense in it is an error of the script, and hands out no shared object`() throws {
        for bytes: [UInt8] in [[], [0x81], [0xff, 0xff], [0x81, 0xd9, 0xf1, 0xe1, 0x82, 1, 1], [0x9f, 0xff]] {
            let vm = try TestVM()
            let host = FunctionHost()
            defer { withExtendedLifetime(host) {} }
            host.serve(vm)
            vm.define(
                "return {get = function() q = q or fleet.Queue(3) return q:get() end, make = function() q = fleet.Queue(3) q:put(1) q:put(2) assert(q:get() == 2) end}"
            )
            #expect(vm.run(function: "make").status == LFVM_OK)
            let ring = try #require(host.ring)
            #expect(lfs_ring_put(ring, 99, bytes, bytes.count) == LFS_LENT_DONE)
            let outcome = vm.run(function: "get")
            #expect(
                outcome.status == LFVM_SCRIPT_ERROR && outcome.message.contains("malformed message"),
                "\(outcome.message)")
        }
    }

    @Test func `a method takes objects of its own kind only, however many it has met before`() throws {
        let vm = try TestVM()
        let host = FunctionHost()
        defer { withExtendedLifetime(host) {} }
        host.serve(vm)
        vm.define(
            """
            local function refuses(wanted, got, method, ...)
                local done, why = pcall(method, ...)
                assert(not done and why:find(wanted .. " expected, got " .. got, 1, true), tostring(why))
            end
            return {work = function()
                local methods = {}
                for i = 1, 200 do
                    -- New ones lie where collected ones of another kind lay.
                    local l, r, v, a = fleet.Lock(), fleet.RecursiveLock(), fleet.Value("i64", 1), fleet.Array("i64", {1})
                    for j = 1, 2 do
                        l:acquire() r:acquire() v:set(j) a[1] = v:add(1) l:release() r:release()
                        assert(v:get() == j + 1 and a[1] == j + 1 and a:cas(1, j + 1, 0) and not v:cas(0, 0))
                    end
                    refuses("lock", "recursive lock", l.acquire, r) refuses("recursive lock", "lock", r.release, l)
                    refuses("shared value", "shared array", v.get, a) refuses("shared array", "shared value", a.add, v, 1)
                    refuses("lock", "userdata", l.acquire, fleet.null) refuses("lock", "no value", l.release)
                    refuses("shared value", "table", v.add, {}, 1) refuses("shared array", "userdata", a.get, io.stdout, 1)
                    for k, method in pairs(methods) do refuses(k, "", method, l) end
                    methods = i % 2 == 0 and {["shared value"] = v.get} or {["recursive lock"] = r.acquire}
                    l, r, v, a = nil, nil, nil, nil
                    if i % 20 == 0 then collectgarbage() end
                end
            end}
            """)
        let outcome = vm.run(function: "work")
        #expect(outcome.status == LFVM_OK, "\(outcome.message)")
    }

    @Test func `a finalizer that uses an object collected with it is told so`() throws {
        let vm = try TestVM()
        let host = FunctionHost()
        defer { withExtendedLifetime(host) {} }
        host.serve(vm)
        vm.define(
            """
            return {work = function()
                do
                    local l
                    setmetatable({}, {__gc = function() why = select(2, pcall(l.acquire, l)) end})
                    l = fleet.Lock() l:acquire() l:release()  -- made later: collected before
                end
                collectgarbage() collectgarbage()
                return why:find("it has been collected", 1, true) ~= nil
            end}
            """)
        let outcome = vm.run(function: "work")
        #expect(outcome.status == LFVM_OK && outcome.bytes == vm.evaluate("return true").bytes, "\(outcome.message)")
        #expect(host.requests.count { $0 == .map } == 1)
    }
}
