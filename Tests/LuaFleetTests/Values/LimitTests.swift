// Depth, bytes and elements: met by whoever sees them first, with an error and without the C stack. F43, F46; hazard 22.

import Foundation
import LuaFleetWire
import Testing

@testable import LuaFleet

/// Runs `body` on a thread with a stack of `bytes`: going beyond it ends the test process.
private func onStack(of bytes: Int, _ body: @escaping @Sendable () throws -> Void) throws {
    final class Outcome: @unchecked Sendable {  // written before the semaphore, read after it
        var result: Result<Void, any Error>?
    }
    let outcome = Outcome()
    let done = DispatchSemaphore(value: 0)
    let thread = Thread {
        outcome.result = Result { try body() }
        done.signal()
    }
    thread.stackSize = bytes
    thread.start()
    done.wait()
    try outcome.result?.get()
}

private indirect enum Chain: Codable, Sendable {
    case end
    case next(Chain)

    init(from decoder: any Decoder) throws {
        var container = try decoder.unkeyedContainer()
        self = container.isAtEnd ? .end : .next(try container.decode(Chain.self))
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.unkeyedContainer()
        if case .next(let chain) = self { try container.encode(chain) }
    }

    var depth: Int {
        var depth = 0
        var chain = self
        while case .next(let next) = chain {
            chain = next
            depth += 1
        }
        return depth
    }
}

private final class Node: Codable {
    var next: Node?
    var name = "n"
    init(next: Node?) { self.next = next }
}

private func code(_ body: () throws -> Void) -> ValueError.Code? {
    do {
        try body()
        return nil
    } catch {
        return (error as? ValueError)?.code
    }
}

private func nested(_ depth: Int) -> [UInt8] {
    [0x81] + [UInt8](repeating: 0x81, count: depth - 1) + [0x80]
}

@Suite("Limits of values")
struct LimitTests {
    @Test("1,000 levels pass and 1,001 do not, in either direction, on a small stack (F43)")
    func depth() throws {
        try onStack(of: 96 << 10) { () throws in
            let value = try LuaMessage.decode(LuaValue.self, from: nested(1_000))
            #expect(try encoded(value) == nested(1_000))
            #expect(code { _ = try LuaMessage.decode(LuaValue.self, from: nested(1_001)) } == .limitDepth(1_000))
            #expect(
                code { _ = try LuaMessage.decode(LuaValue.self, from: nested(201), limits: .locked) }
                    == .limitDepth(200))
            var built: LuaValue = []
            for _ in 1..<1_000 { built = [built] }
            #expect(try encoded(built) == nested(1_000))
            #expect(built == value)
            #expect(code { _ = try encoded([built]) } == .limitDepth(1_000))
            #expect(code { _ = try encoded([value]) } == .limitDepth(1_000))
            #expect(code { _ = try encoded(["k": value]) } == .limitDepth(1_000))
        }
    }

    @Test("a linked list of 100,000 is an error, and needs no stack to be made or dropped (F43)")
    func list() throws {
        try onStack(of: 96 << 10) { () throws in
            var built: LuaValue = .nil
            for number in 0..<100_000 { built = ["next": built, "number": LuaValue(number)] }
            #expect(code { _ = try encoded(built) } == .limitDepth(1_000))
            #expect(built == built)
            let copy = built
            built["x"] = 1
            #expect(copy["x"].isNil)
            let bytes = [0x81] + Array(repeatElement([0xa1, 0x41, 0x6e] as [UInt8], count: 100_000).joined()) + [0x01]
            #expect(code { _ = try LuaResults(message: bytes) } == .limitDepth(1_000))
            let deep = try LuaResults(message: bytes, limits: ValueLimits(depth: 200_000))
            #expect(deep[0] == deep[0])
            #expect(deep == (try LuaResults(message: bytes, limits: ValueLimits(depth: 200_000))))
            #expect(code { _ = try encoded(deep[0]) } == .limitDepth(1_000))
            #expect(try encoded(deep[0], limits: ValueLimits(depth: 200_000)) == bytes)
        }
    }

    @Test(
        "types that contain themselves end at the limit of depth, or before the stack does",
        arguments: [16 << 20, 512 << 10])
    func codable(_ stack: Int) throws {
        try onStack(of: stack) { () throws in
            func isLimit(_ body: () throws -> Void) -> Bool {
                guard case .limitDepth(let limit)? = code(body) else { return false }
                return stack < 1 << 20 ? limit <= 1_000 : limit == 1_000
            }
            if stack > 1 << 20 {
                let chain = try LuaMessage.decode(Chain.self, from: nested(900))
                #expect(chain.depth == 899)
                #expect(try LuaMessage.encode(arguments: [chain]).count > 900)
            }
            #expect(isLimit { _ = try LuaMessage.decode(Chain.self, from: nested(1_500)) })
            #expect(isLimit { _ = try LuaMessage.decode([[[Chain]]].self, from: nested(1_500)) })
            // A table that contains itself.
            #expect(isLimit { _ = try LuaMessage.decode(Chain.self, from: message("81 d81c 81 d81d00")) })
            let named = message("81 d81c a2 446e616d65 4161 446e657874 d81d00")
            #expect(isLimit { _ = try LuaMessage.decode(Node.self, from: named) })
            let node = Node(next: nil)
            node.next = node
            #expect(isLimit { _ = try LuaMessage.encode(argument: node) })
            node.next = nil
        }
    }

    @Test("bytes and elements are counted on the way out and on the way in (F46)")
    func counts() throws {
        let limits = ValueLimits(bytes: 100, elements: 10, depth: 5)
        #expect(code { _ = try encoded(LuaValue(String(repeating: "x", count: 97)), limits: limits) } == nil)
        #expect(
            code { _ = try encoded(LuaValue(String(repeating: "x", count: 98)), limits: limits) } == .limitBytes(100))
        #expect(code { _ = try encoded([1, 2, 3, 4, 5, 6, 7, 8, 9], limits: limits) } == nil)
        #expect(code { _ = try encoded([1, 2, 3, 4, 5, 6, 7, 8, 9, 10], limits: limits) } == .limitElements(10))
        #expect(
            code { _ = try LuaMessage.encode(arguments: [[Int](repeating: 0, count: 10)], limits: limits) }
                == .limitElements(10))
        #expect(
            code { _ = try LuaMessage.encode(arguments: [[String](repeating: "", count: 10)], limits: limits) }
                == .limitElements(10))
        #expect(
            code { _ = try LuaMessage.encode(arguments: [["a": 1], ["b": 2], ["c": 3], ["d": 4]], limits: limits) }
                == .limitElements(10))
        let many = [0x81, 0x8a] + [UInt8](repeating: 0, count: 10)
        #expect(code { _ = try LuaResults(message: many, limits: limits) } == .limitElements(10))
        #expect(code { _ = try LuaMessage.decode([Int].self, from: many, limits: limits) } == .limitElements(10))
        #expect(code { _ = try LuaMessage.decode([Int8].self, from: many, limits: limits) } == .limitElements(10))
        #expect(
            code { _ = try LuaMessage.decode([Int8].self, from: [UInt8](repeating: 0, count: 101), limits: limits) }
                == .limitBytes(100))
    }

    @Test("a few shared tables cannot make a large value of a small message")
    func blowUp() throws {
        // t1 = {t2, t2}, t2 = {t3, t3}, …: 2^60 if each were written out.
        var bytes: [UInt8] = [0x81]
        for _ in 0..<60 { bytes += [0xd8, 0x1c, 0x82] }
        bytes += [0x80, 0x80]
        for number in (1..<60).reversed() { bytes += [0xd8, 0x1d, 0x18, UInt8(number)] }
        let limits = ValueLimits(elements: 10_000)
        #expect(code { _ = try LuaMessage.decode(Tree.self, from: bytes, limits: limits) } == .limitElements(10_000))
        let value = try LuaMessage.decode(LuaValue.self, from: bytes, limits: limits)
        #expect(try encoded(value, limits: limits).count < 500)
        #expect(value == value)
        #expect(throws: LuaJSON.TooLong.self) { try LuaJSON.text(value, limit: 100_000) }
    }

    @Test("an encoder that failed leaves what stood in the buffer before")
    func rollback() throws {
        var writer = ValueWriter()
        try LuaMessage.encode(arguments: [1], into: &writer)
        #expect(throws: ArgumentError.self) {
            try LuaMessage.encode(arguments: [["x": [UInt64.max]], 2], into: &writer)
        }
        try LuaMessage.encode(argument: 2, into: &writer)
        #expect(writer.bytes() == [0x81, 1, 0x81, 2])
    }

    @Test("64 MiB go through as one string (F46)")
    func large() throws {
        let limit = ValueLimits.standard.bytes
        #expect(limit == 64 << 20 + 64 << 10)
        let bytes = [UInt8](repeating: 65, count: limit - 6)  // six bytes stand around it
        let message = try encoded(LuaValue(bytes: bytes))
        #expect(message.count == limit)
        #expect(try LuaMessage.decode(LuaString.self, from: message).count == bytes.count)
        #expect(code { _ = try encoded(LuaValue(bytes: bytes + [1])) } == .limitBytes(limit))
    }
}

private struct Tree: Decodable {
    init(from decoder: any Decoder) throws {
        var container = try decoder.unkeyedContainer()
        while !container.isAtEnd { _ = try container.decode(Tree.self) }
    }
}
