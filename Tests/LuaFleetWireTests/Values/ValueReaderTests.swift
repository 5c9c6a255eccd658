// The reader against the vectors of RFC 8949 appendix A, and against bytes that are no values.

import Testing

@testable import LuaFleetWire

/// Bytes of hexadecimal digits.
func bytes(_ hex: String) -> [UInt8] {
    let digits = hex.filter { $0 != " " }.compactMap { $0.hexDigitValue }.map { UInt8($0) }
    return stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
}

/// The items of a message one after the other, as text.
func items(_ bytes: [UInt8], limits: ValueLimits = .standard) throws -> [String] {
    try bytes.withUnsafeBytes { buffer in
        var reader = try ValueReader(buffer, limits: limits)
        var result: [String] = []
        while !reader.isAtEnd {
            switch try reader.next() {
            case .string(let offset, let count):
                result.append(String(decoding: buffer[offset..<(offset + count)], as: UTF8.self))
            case let item: result.append("\(item)")
            }
        }
        return result
    }
}

/// Passes over one value; the error if there is one, else nil.
func skipError(_ bytes: [UInt8], limits: ValueLimits = .standard, depth: Int = 0) -> ValueError.Code? {
    bytes.withUnsafeBytes { buffer in
        do throws(ValueError) {
            var reader = try ValueReader(buffer, limits: limits)
            try reader.skip(depth: depth)
            try reader.finish()
            return nil
        } catch {
            return error.code
        }
    }
}

@Suite("The reader of values")
struct ValueReaderTests {
    static let vectors: [(String, [String])] = [
        ("00", ["integer(0)"]), ("17", ["integer(23)"]), ("1818", ["integer(24)"]), ("1903e8", ["integer(1000)"]),
        ("1a000f4240", ["integer(1000000)"]), ("1b000000e8d4a51000", ["integer(1000000000000)"]),
        ("1800", ["integer(0)"]), ("1b0000000000000001", ["integer(1)"]),
        ("1b7fffffffffffffff", ["integer(9223372036854775807)"]),
        ("20", ["integer(-1)"]), ("3863", ["integer(-100)"]), ("3903e7", ["integer(-1000)"]),
        ("3b7fffffffffffffff", ["integer(-9223372036854775808)"]),
        ("f90000", ["double(0.0)"]), ("f98000", ["double(-0.0)"]), ("f93c00", ["double(1.0)"]),
        ("f93e00", ["double(1.5)"]), ("f97bff", ["double(65504.0)"]), ("f90001", ["double(5.960464477539063e-08)"]),
        ("f90400", ["double(6.103515625e-05)"]), ("f9c400", ["double(-4.0)"]), ("f97c00", ["double(inf)"]),
        ("f97e00", ["double(nan)"]), ("f9fc00", ["double(-inf)"]),
        ("fa47c35000", ["double(100000.0)"]), ("fa7f7fffff", ["double(3.4028234663852886e+38)"]),
        ("fa7f800000", ["double(inf)"]), ("fa7fc00000", ["double(nan)"]),
        ("fb3ff199999999999a", ["double(1.1)"]), ("fb7e37e43c8800759c", ["double(1e+300)"]),
        ("f4", ["boolean(false)"]), ("f5", ["boolean(true)"]), ("f6", ["null"]), ("f7", ["undefined"]),
        ("40", [""]), ("4401020304", ["\u{1}\u{2}\u{3}\u{4}"]), ("60", [""]), ("6449455446", ["IETF"]),
        ("62c3bc", ["ü"]), ("80", ["array(0)"]), ("83010203", ["array(3)", "integer(1)", "integer(2)", "integer(3)"]),
        ("a0", ["map(0)"]), ("a201020304", ["map(2)", "integer(1)", "integer(2)", "integer(3)", "integer(4)"]),
        ("9fff", ["array(-1)", "end"]), ("9f01ff", ["array(-1)", "integer(1)", "end"]),
        ("bf616101ff", ["map(-1)", "a", "integer(1)", "end"]),
    ]

    @Test("items are those of RFC 8949", arguments: vectors.indices)
    func vector(_ index: Int) throws {
        let (hex, expected) = Self.vectors[index]
        #expect(try items(bytes(hex)) == expected)
        // Every beginning of it is too short, and says so.
        let all = bytes(hex)
        for count in 0..<all.count {
            #expect(skipError(Array(all[..<count])) == .truncated, "\(count) bytes of \(hex)")
        }
    }

    static let wrong: [(String, ValueError.Code)] = [
        ("1b8000000000000000", .integerRange), ("3b8000000000000000", .integerRange),
        ("3bffffffffffffffff", .integerRange),
        ("1c", .malformed), ("1d", .malformed), ("1e", .malformed), ("1f", .malformed), ("3f", .malformed),
        ("5f41004100ff", .malformed), ("7f6161ff", .malformed), ("5c", .malformed), ("9c", .malformed),
        ("bd", .malformed), ("df", .malformed), ("fc", .malformed), ("fd", .malformed), ("fe", .malformed),
        ("ff", .malformed), ("81ff", .malformed), ("a101ff", .malformed),
        ("bf01ff", .malformed), ("c1 00", .unsupportedTag(1)), ("d9d9f700", .unsupportedTag(55799)),
        ("e0", .unsupportedSimple(0)), ("f3", .unsupportedSimple(19)), ("f8ff", .unsupportedSimple(255)),
        ("f800", .unsupportedSimple(0)),
        ("d81c01", .malformed), ("d81cf6", .malformed), ("d81c4161", .malformed), ("d81cd81c80", .malformed),
        ("d81cd81d00", .malformed), ("d81d20", .malformed), ("d81d80", .malformed), ("d81d4100", .malformed),
        ("d9f1e0a0", .malformed), ("82d9f1e0a001", .malformed), ("81d9f1e080", .malformed),
        ("a1d9f1e0a001", .malformed),
        ("9fd9f1e0a001ff", .malformed), ("81d81cd9f1e0a0", .malformed), ("81d9f1e0d81ca0", .malformed),
        ("81d9f1e0bf01ff", .malformed),
        ("d9f1e1820102 00", .malformed), ("d9f1e101", .malformed), ("d9f1e18101", .malformed),
        ("d9f1e1822001", .malformed), ("d9f1e1820120", .malformed), ("d9f1e1829f00ff", .malformed),
        ("d9f1e301", .malformed), ("d9f1e480", .malformed), ("d9f1e441 61", .malformed), ("d9f1e280", .malformed),
        ("d9f1e201", .malformed),
        ("d9f1e28101", .malformed), ("d9f1e2824161f6", .malformed), ("d9f1e2824161820101", .malformed),
        ("5a7fffffff00", .truncated), ("5bffffffffffffffff", .truncated), ("9bffffffffffffffff", .truncated),
        ("bbffffffffffffffff", .truncated), ("9a0000000201", .truncated), ("a20102", .truncated),
        ("0000", .malformed),
    ]

    @Test("what is not a value is refused", arguments: wrong.indices)
    func malformed(_ index: Int) {
        let (hex, code) = Self.wrong[index]
        #expect(skipError(bytes(hex)) == code, "\(hex)")
    }

    @Test(
        "whole values are passed over",
        arguments: [
            "81d9f1e0a0", "9fd9f1e0a0ff", "82 01 d9f1e0 a1 4161 02", "82 01 d9f1e0 bf 4161 02 ff", "d81c80", "d81ca0",
            "82 d81c80 d81d00", "d9f1e1820102", "d9f1e2 82 4161 8180", "d9f1e2 83 40 81f6 00", "d9f1e343616263",
            "d9f1e48241618101",
            "d81c d9f1e2 82 40 81 d81d00", "d9f1e4 82 d9f1e3 4161 01", "bf 9f ff bf ff ff", "d81c 9f ff",
        ])
    func whole(_ hex: String) {
        let all = bytes(hex)
        #expect(skipError(all) == nil)
        for count in 0..<all.count { #expect(skipError(Array(all[..<count])) != nil, "\(count) bytes of \(hex)") }
    }

    @Test("a value as deep as you like needs no stack, and is over the limit")
    func depth() {
        for head in ["81", "9f", "a101", "bf01", "d81c81"] {
            let deep = Array(repeatElement(bytes(head), count: 100_000).joined()) + [0xf6]
            #expect(skipError(deep) == .limitDepth(1_000), "\(head)")
        }
        let fits = Array(repeatElement(UInt8(0x81), count: 1_000)) + [1]
        #expect(skipError(fits) == nil)
        #expect(skipError(fits, depth: 1) == .limitDepth(1_000))
        #expect(skipError([0x81] + fits) == .limitDepth(1_000))
        #expect(skipError(Array(repeatElement(UInt8(0x81), count: 201)) + [1], limits: .locked) == .limitDepth(200))
        // A tag around a tag is no level, and ends too.
        let tags = Array(repeatElement(bytes("d9f1e481"), count: 100_000).joined()) + [0xf6]
        #expect(skipError(tags) == nil)
    }

    @Test("the caps of bytes and elements are met")
    func caps() {
        let limits = ValueLimits(bytes: 10, elements: 4, depth: 2)
        #expect(skipError(bytes("83010203"), limits: limits) == nil)
        #expect(skipError(bytes("8401020304"), limits: limits) == .limitElements(4))
        #expect(skipError(bytes("9f01020304ff"), limits: limits) == .limitElements(4))
        #expect(skipError(bytes("a201020304"), limits: limits) == .limitElements(4))
        #expect(skipError(Array(repeating: 0, count: 11), limits: limits) == .limitBytes(10))
    }
}
