// The writer: shortest heads, growth, caps, and changes after the fact.

import Testing

@testable import LuaFleetWire

private func written(limits: ValueLimits = .standard, _ body: (inout ValueWriter) -> Void) -> [UInt8] {
    var writer = ValueWriter(capacity: 0, limits: limits)
    body(&writer)
    return writer.bytes()
}

@Suite("The writer of values")
struct ValueWriterTests {
    @Test("integers have their shortest head")
    func integers() {
        for shift in 0..<63 {
            for value in [(1 << shift) - 1, 1 << shift, (1 << shift) + 1] as [Int64] {
                for value in [value, ~value] {
                    let result = written { $0.integer(value) }
                    let argument = value < 0 ? ~value : value
                    let expected =
                        argument < 24 ? 1 : argument < 1 << 8 ? 2 : argument < 1 << 16 ? 3 : argument < 1 << 32 ? 5 : 9
                    #expect(result.count == expected)
                    result.withUnsafeBytes { buffer in
                        var reader = try? ValueReader(buffer)
                        guard case .integer(value)? = try? reader?.next() else {
                            Issue.record("\(value)")
                            return
                        }
                    }
                }
            }
        }
    }

    @Test("every NaN is the one NaN")
    func nan() {
        for value in [Double.nan, -Double.nan, .signalingNaN, Double(nan: 77, signaling: false)] {
            #expect(written { $0.double(value) } == bytes("fb7ff8000000000000"))
        }
        #expect(written { $0.double(-0.0) } == bytes("fb8000000000000000"))
    }

    @Test("a writer grows as it must")
    func growth() {
        let long = [UInt8](repeating: 7, count: 100_000)
        let result = written {
            for _ in 0..<10 { $0.string(long) }
            $0.string("text")
            $0.string([])
        }
        #expect(result.count == 10 * 100_005 + 5 + 1)
        #expect(result.suffix(6) == bytes("447465787440"))
    }

    @Test("the byte limit is exact, for every kind of item")
    func limit() throws {
        let kinds: [(Int, (inout ValueWriter) -> Void)] = [
            (1, { $0.byte(0xf6) }), (1, { $0.integer(1) }), (2, { $0.integer(100) }), (9, { $0.integer(.max) }),
            (9, { $0.double(1) }), (6, { $0.string("12345") }), (102, { $0.string([UInt8](repeating: 0, count: 100)) }),
            (
                3,
                {
                    $0.encoded(UnsafeRawBufferPointer(start: UnsafeRawPointer(bitPattern: 0), count: 0))
                    $0.byte(1); $0.byte(2); $0.byte(3)
                }
            ),
        ]
        for (count, write) in kinds {
            for spare in 0..<12 {
                var writer = ValueWriter(limits: ValueLimits(bytes: 1 + spare + count))
                writer.beginMessage(items: 1)
                for _ in 0..<spare { writer.byte(0) }
                write(&writer)
                try writer.checkLimits()
                writer.byte(0)
                #expect(throws: ValueError.self) { try writer.checkLimits() }
                writer.abandonMessage()
                #expect(writer.count == 0)
            }
        }
    }

    @Test("a message counts its own bytes, whatever stands before it")
    func second() throws {
        var writer = ValueWriter(limits: ValueLimits(bytes: 4))
        for _ in 0..<3 {
            writer.beginMessage(items: 3)
            for _ in 0..<3 { writer.byte(0) }
            try writer.checkLimits()
        }
        #expect(writer.count == 12)
        writer.beginMessage(items: 4)
        for _ in 0..<4 { writer.byte(0) }
        #expect(throws: ValueError.self) { try writer.checkLimits() }
        writer.abandonMessage()
        #expect(writer.count == 12)
    }

    @Test("bytes are moved to where they belong")
    func rotation() {
        var writer = ValueWriter()
        for value in 0..<10 as Range<UInt8> { writer.byte(value) }
        writer.rotate(from: 2, middle: 7)
        #expect(writer.bytes() == [0, 1, 7, 8, 9, 2, 3, 4, 5, 6])
        writer.rotate(from: 9, middle: 3)
        writer.rotate(from: 0, middle: 11)
        writer.truncate(to: 100)
        #expect(writer.bytes() == [0, 1, 7, 8, 9, 2, 3, 4, 5, 6])
        writer.truncate(to: 2)
        #expect(writer.bytes() == [0, 1])
    }
}
