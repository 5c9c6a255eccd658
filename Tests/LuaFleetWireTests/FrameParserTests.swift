// Frames in a stream that comes in pieces, in noise, or from somebody who means harm.
import LuaFleetWire
import Testing

@Suite
struct FrameParserTests {
    struct Frame: Equatable {
        var header: FrameHeader
        var payload: [UInt8]
    }

    /// All whole frames at the front of `bytes`, what is left behind them, and how much the next one asks for.
    private func frames(in bytes: [UInt8], limit: UInt32 = 1000) throws -> (frames: [Frame], rest: [UInt8], needs: Int)
    {
        let parser = FrameParser(limit: limit)
        var found: [Frame] = []
        var start = 0
        while true {
            let needs: Int? = try bytes[start...].withUnsafeBytes { buffer in
                switch try parser.next(in: buffer) {
                case .frame(let header, let payload, let size):
                    found.append(Frame(header: header, payload: Array(payload)))
                    start += size
                    return nil
                case .needs(let count): return count
                }
            }
            if let needs { return (found, Array(bytes[start...]), needs) }
        }
    }

    private static let three: [Frame] = [
        Frame(header: FrameHeader(kind: .ready, worker: 3, length: 4), payload: [1, 2, 3, 4]),
        Frame(header: FrameHeader(kind: .forget, worker: 0xFFFF_FFFF, task: 7), payload: []),
        Frame(
            header: FrameHeader(kind: .values, flags: 0xFE, worker: 3, task: .max, length: 21), payload: Array(40...60)),
    ]

    private static var stream: [UInt8] { three.flatMap { [UInt8].frame($0.header, payload: $0.payload) } }

    @Test func `a stream that is cut at any byte gives the same frames in two pieces`() throws {
        let stream = Self.stream
        for cut in 0...stream.count {
            let first = try frames(in: Array(stream[..<cut]))
            let second = try frames(in: first.rest + stream[cut...])
            #expect(first.frames + second.frames == Self.three, "cut at \(cut)")
            #expect(second.rest.isEmpty)
            // What it asks for is enough for a header or for the whole frame, never too much.
            #expect(first.needs > 0 && cut + first.needs <= stream.count + FrameHeader.size)
        }
    }

    @Test func `a stream that comes byte by byte gives each frame with its last byte`() throws {
        var buffer: [UInt8] = []
        var got: [Frame] = []
        var ends: [Int] = []
        for (offset, byte) in Self.stream.enumerated() {
            buffer.append(byte)
            let step = try frames(in: buffer)
            if !step.frames.isEmpty { ends.append(offset + 1) }
            got += step.frames
            buffer = step.rest
        }
        #expect(got == Self.three && ends == [20, 36, 73])
    }

    @Test func `a length over the limit is refused when the header is there, before a byte of the payload`() throws {
        var header = FrameHeader(kind: .values, worker: 1, task: 2)
        for length: UInt32 in [1001, 1 << 20, .max - 16, .max] {
            header.length = length
            let bytes = headerBytes(header)
            #expect(throws: ProtocolViolation.tooLong(kind: .values, length: length, limit: 1000)) {
                _ = try frames(in: bytes)
            }
            #expect(try frames(in: Array(bytes.dropLast())).needs == 1, "an incomplete header is waited for")
        }
        header.length = 1000
        #expect(try frames(in: headerBytes(header)).needs == 1000, "the limit itself is allowed")
        header.length = .max
        #expect(try frames(in: headerBytes(header), limit: .max).needs == Int(UInt32.max))
    }

    private func headerBytes(_ header: FrameHeader) -> [UInt8] {
        var bytes = [UInt8](repeating: 0xAA, count: FrameHeader.size)
        bytes.withUnsafeMutableBytes { header.store(to: $0.baseAddress!) }  // sixteen bytes
        return bytes
    }

    @Test(arguments: FrameKind.allCases) func `a header comes back as it was, at any alignment`(_ kind: FrameKind)
        throws
    {
        var header = FrameHeader(kind: kind, flags: 0x5A, worker: 0x0102_0304, task: 0xF1F2_F3F4)
        header.length = 0x1112_1314
        let bytes = headerBytes(header)
        #expect(
            bytes == [0x14, 0x13, 0x12, 0x11, kind.rawValue, 0x5A, 0, 0, 4, 3, 2, 1, 0xF4, 0xF3, 0xF2, 0xF1],
            "the layout is part of the protocol")
        for shift in 0..<8 {
            let moved = [UInt8](repeating: 0xEE, count: shift) + bytes
            let read = try moved.withUnsafeBytes {
                try FrameHeader(from: UnsafeRawBufferPointer(rebasing: $0[shift...]))
            }
            #expect(read == header)
        }
    }

    @Test func `every byte that is no kind, and every reserved byte that is not zero, is a violation`() {
        let kinds = Set(FrameKind.allCases.map(\.rawValue))
        for kind in UInt8.min...UInt8.max where !kinds.contains(kind) {
            #expect(throws: ProtocolViolation.unknownKind(kind)) {
                _ = try frames(in: [0, 0, 0, 0, kind, 0, 0, 0] + [UInt8](repeating: 0, count: 8))
            }
        }
        for (six, seven) in [(1, 0), (0, 1), (0x80, 0x80)] as [(UInt8, UInt8)] {
            #expect(throws: ProtocolViolation.reservedBytes) {
                _ = try frames(in: [0, 0, 0, 0, 16, 0, six, seven] + [UInt8](repeating: 0, count: 8))
            }
        }
    }

    @Test func `200,000 mutated streams are parsed or refused, and never trap or read past their end`() {
        var dice = FrameGenerator(test: "mutated frames")
        let original = Self.stream
        var (parsed, refused) = (0, 0)
        for _ in 0..<200_000 {
            var bytes = original
            for _ in 0..<Int.random(in: 1...4, using: &dice) {
                guard !bytes.isEmpty else { break }
                let place = Int.random(in: 0..<bytes.count, using: &dice)
                switch Int.random(in: 0..<5, using: &dice) {
                case 0: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &dice)
                case 1: bytes[place] = [0, 1, 0x7F, 0x80, 0xFF].randomElement(using: &dice) ?? 0
                case 2: bytes.remove(at: place)
                case 3: bytes.insert(UInt8.random(in: 0...255, using: &dice), at: place)
                default: bytes.removeLast(min(place, bytes.count - 1))
                }
            }
            do {
                let result = try frames(in: bytes)
                parsed += 1
                let total = result.frames.reduce(0) { $0 + FrameHeader.size + $1.payload.count } + result.rest.count
                if total != bytes.count || result.needs <= 0 || result.needs > 1000 + FrameHeader.size {
                    Issue.record("bytes were lost or made up: seed \(dice.seed)")
                    return
                }
            } catch {
                refused += 1
            }
        }
        #expect(parsed > 1000 && refused > 1000)
    }

    // MARK: The preface

    private func end(in bytes: [UInt8]) throws -> Int? {
        try bytes.withUnsafeBytes { try Preface.end(in: $0) }
    }

    @Test func `the preface is found behind noise of any length up to the limit, and not before its last byte`() throws
    {
        for noise in Array(0...300) + [4095, 4096, Preface.noiseLimit - 1, Preface.noiseLimit] {
            // Noise of the preface's own beginnings is the worst there is.
            var bytes = (0..<noise).map { Preface.bytes[$0 % (Preface.bytes.count - 1)] }
            bytes += Preface.bytes
            #expect(try end(in: bytes) == bytes.count, "behind \(noise) bytes")
            #expect(try end(in: bytes + [9, 9, 9]) == bytes.count)
            #expect(try end(in: Array(bytes.dropLast())) == nil, "before its last byte, behind \(noise) bytes")
        }
    }

    @Test func `noise over the limit is another program, however it comes`() throws {
        let limit = Preface.noiseLimit + Preface.bytes.count
        #expect(try end(in: [UInt8](repeating: 0x1B, count: limit - 1)) == nil)
        #expect(throws: ProtocolViolation.noPreface) { try end(in: [UInt8](repeating: 0x1B, count: limit)) }
        #expect(throws: ProtocolViolation.noPreface) {
            try end(in: [UInt8](repeating: 0x20, count: Preface.noiseLimit + 1) + Preface.bytes)
        }
        #expect(try end(in: []) == nil)
    }
}
