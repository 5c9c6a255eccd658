// One worker that is honest for some tasks and then is not. A task has a number n; the honest answer is 2n + 1. An answer to the wrong task
// is -7, which must never reach anybody.
import CFleetSystem
import Foundation
import LuaFleetWire

struct Liar {
    let slot: UInt32
    let generation: UInt32
    let socket: Int32
    let page: WorkerPage
    var hasEnded = false
    /// The last task that came.
    private(set) var lastSeen: UInt32 = 0
    /// Bytes that the host was sent.
    private(set) var sent: UInt64 = 0
    private var honestTasks: Int
    private var received: [UInt8] = []
    /// Goes out a byte at a time.
    private var dripping: [UInt8] = []

    var isDripping: Bool { !dripping.isEmpty }

    init(slot: UInt32, generation: UInt32, socket: Int32, memory: UnsafeMutableRawPointer, _ dice: inout Dice) {
        self.slot = slot
        self.generation = generation
        self.socket = socket
        page = WorkerPage(start: memory)
        page.initialize()
        honestTasks = Self.sendsCode || dice.once(in: 10) ? 0 : dice.roll(0...6)
        var payload = [UInt8]()
        payload.append(integer: getpid())
        var ready = FrameHeader(kind: .ready, worker: slot)
        if dice.once(in: 100) { ready.worker = 99 }
        say(.frame(ready, payload: payload))
    }

    /// In order: a value whose end is the next frame's beginning would be this worker's answer, though a lie nobody could know.
    private mutating func say(_ bytes: [UInt8]) {
        if isDripping { dripping += bytes } else { write(bytes) }
    }

    private mutating func write(_ bytes: [UInt8]) {
        guard !bytes.isEmpty else { return }
        // Not forever: a host that does not read is a host that has cut this worker off.
        let taken = bytes.withUnsafeBytes {
            Glibc.send(socket, $0.baseAddress!, $0.count, Int32(MSG_NOSIGNAL | MSG_DONTWAIT))
        }
        if taken > 0 { sent += UInt64(taken) }
    }

    mutating func drip() {
        write([dripping.removeFirst()])
    }

    mutating func hear(_ dice: inout Dice) {
        var bytes = [UInt8](repeating: 0, count: 65536)
        let got = recv(socket, &bytes, bytes.count, Int32(MSG_DONTWAIT))
        guard got > 0 else {
            if got == 0 { hasEnded = true }
            return
        }
        received += bytes[..<got]
        while !hasEnded {
            let frame = received.withUnsafeBytes { bytes -> (FrameHeader, [UInt8], Int)? in
                guard case .frame(let header, let payload, let size)? = try? FrameParser(limit: .max).next(in: bytes)
                else { return nil }
                return (header, Array(payload), size)
            }
            guard let (header, payload, size) = frame else { return }
            received.removeFirst(size)
            guard header.kind == .task else { continue }
            payload.withUnsafeBytes { payload in
                var reader = FieldReader(payload)
                guard let head = TaskHead(from: &reader), reader.bytes(Int(head.functionLength)) != nil else { return }
                var arguments = reader.rest[...]
                for place in 0..<head.count {
                    guard let number = Self.number(&arguments) else { return }
                    let sequence = header.task &+ place
                    lastSeen = sequence
                    guard page.begin(sequence, epoch: head.epoch) else { return }
                    page.header.pointee.startedAt.store(lfs_now(), ordering: .releasing)
                    if honestTasks > 0 {
                        honestTasks -= 1
                        say(Self.answer(slot, sequence, 2 * number + 1))
                    } else {
                        lie(sequence, number, &dice)
                    }
                }
            }
        }
    }

    /// The one integer of a message (RFC 8949).
    private static func number(_ bytes: inout Slice<UnsafeRawBufferPointer>) -> Int64? {
        guard bytes.popFirst() == 0x81, let head = bytes.popFirst(), head >> 5 == 0 else { return nil }
        guard head >= 24 else { return Int64(head) }
        let width = 1 << Int(head - 24)
        guard width <= 4, bytes.count >= width else { return nil }
        var number: Int64 = 0
        for _ in 0..<width { number = number << 8 | Int64(bytes.popFirst() ?? 0) }
        return number
    }

    /// The number, and its seal: a number that a flipped bit has made has none.
    static func message(_ number: Int64) -> [UInt8] {
        let word = seal(number)
        let bytes = { (word: UInt32) in [0x1A] + (0..<4).map { UInt8(truncatingIfNeeded: word >> (24 - 8 * $0)) } }
        return [0x82] + (number < 0 ? [0x20 | UInt8(-1 - number)] : bytes(UInt32(truncatingIfNeeded: number)))
            + bytes(word)
    }

    static func seal(_ number: Int64) -> UInt32 { UInt32(truncatingIfNeeded: number) &* 2_654_435_761 &+ 12345 }

    static func answer(
        _ slot: UInt32, _ sequence: UInt32, _ number: Int64, count: UInt32 = 1, kind: FrameKind = .values,
        flags: UInt8 = 0
    ) -> [UInt8] {
        answer(slot, sequence, message(number), count: count, kind: kind, flags: flags)
    }

    static func answer(
        _ slot: UInt32, _ sequence: UInt32, _ message: [UInt8], count: UInt32 = 1, kind: FrameKind = .values,
        flags: UInt8 = 0
    ) -> [UInt8] {
        var payload = [UInt8](repeating: 0, count: AnswerHead.size)
        payload.withUnsafeMutableBytes {
            AnswerHead(nanoseconds: 1000, pid: getpid(), count: count).store(to: $0.baseAddress!)  // not empty
        }
        return .frame(FrameHeader(kind: kind, flags: flags, worker: slot, task: sequence), payload: payload + message)
    }

    // MARK: Lies

    /// `CHAOS_LIE=code`: always the same lie, a function by value with bytecode that is none.
    private static let sendsCode = getenv("CHAOS_LIE").map { String(cString: $0) } == "code"

    private mutating func lie(_ sequence: UInt32, _ number: Int64, _ dice: inout Dice) {
        if Self.sendsCode {
            return say(Self.answer(slot, sequence, [0x81, 0xD9, 0xF1, 0xE2, 0x81, 0x44, 0x1B, 0x4C, 0x75, 0x61]))
        }
        func noise(_ count: Int) -> [UInt8] { (0..<count).map { _ in UInt8(truncatingIfNeeded: dice.roll(0...255)) } }
        let honest = Self.answer(slot, sequence, 2 * number + 1)
        switch dice.roll(1...20) {
        case 1:  // bits of the heads flip; the value stays
            var bytes = honest
            for _ in 0..<dice.roll(1...3) { bytes[dice.roll(0...31)] ^= 1 << UInt8(dice.roll(0...7)) }
            say(bytes)
        case 2:  // cut off, and gone
            say(Array(honest.prefix(dice.roll(0...honest.count - 1))))
            hasEnded = true
        case 3: say(noise(dice.roll(1...500)))
        case 4:  // a length without end
            var bytes = honest
            for place in 0..<4 { bytes[place] = dice.pick([0xFF, 0x7F, bytes[place]]) }
            bytes[3] = 0xFF
            say(bytes)
        case 5:  // not to those just before: where it has not answered them, that is its answer
            say(Self.answer(slot, sequence &+ UInt32(truncatingIfNeeded: dice.pick([1, 2, 1000, -1000])), -7))
        case 6: say(honest + honest)
        case 7:  // for more tasks than it was given, with less
            say(Self.answer(slot, sequence, Self.message(2 * number + 1) + Self.message(-7), count: 5000))
        case 8: dripping += honest
        case 9: break  // nothing at all
        case 10: say(Self.answer(slot &+ 1, sequence, -7))
        case 11:  // what only hosts and servers say, or nobody
            say(
                .frame(
                    FrameHeader(
                        kind: dice.pick(FrameKind.allCases), flags: UInt8(dice.roll(0...255)), worker: slot,
                        task: sequence),
                    payload: noise(dice.roll(0...64))))
        case 12: scribble(&dice)
        case 13: hasEnded = true
        case 14:  // a flood of output and messages, then the truth
            for _ in 0..<dice.roll(1...20) {
                say(
                    .frame(
                        FrameHeader(kind: .output, flags: UInt8(dice.roll(0...3)), worker: slot, task: sequence),
                        payload: noise(3000)))
                say(
                    .frame(
                        FrameHeader(kind: .message, flags: UInt8(dice.roll(0...4)), worker: slot, task: sequence),
                        payload: noise(50)))
            }
            say(honest)
        case 15:  // requests to shared objects that nobody gave it
            say(.frame(FrameHeader(kind: .request, worker: slot, task: sequence), payload: noise(dice.roll(0...80))))
        case 16:  // values that are none
            say(
                Self.answer(
                    slot, sequence,
                    dice.pick([
                        [0x81, 0x5B] + [UInt8](repeating: 0xFF, count: 8),
                        [0x81] + [UInt8](repeating: 0x81, count: 5000), [0x9F],
                        [0x81, 0xD8, 0x1D, 0x18, 0x99], [0x82, 0x01], [0xC0] + noise(60), [],
                    ])))
        case 17:
            say(Self.answer(slot, sequence, noise(dice.roll(0...60)), kind: .failure, flags: UInt8(dice.roll(0...12))))
        case 18: say(.frame(FrameHeader(kind: .usage, worker: slot, task: sequence), payload: noise(32)) + honest)
        case 19:
            say(
                .frame(
                    FrameHeader(kind: .processExited, worker: slot, task: sequence),
                    payload: noise(dice.pick([0, 40, 44]))))
        default:  // a frame in the page that the socket never sees, with lengths that are not true
            page.header.pointee.progress.store(dice.next(), ordering: .releasing)
            dripping += honest
        }
    }

    /// Writes into the memory that the host reads, heads and all.
    private func scribble(_ dice: inout Dice) {
        for _ in 0..<dice.roll(1...40) {
            page.start.storeBytes(of: dice.next(), toByteOffset: 8 * dice.roll(0...20), as: UInt64.self)
            page.data.storeBytes(of: dice.next(), toByteOffset: 8 * dice.roll(0...200), as: UInt64.self)
        }
    }
}
