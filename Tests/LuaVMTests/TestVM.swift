// A VM for tests: scripts in, statuses and bytes out.
import LuaVM
import Testing

final class TestVM {
    /// What the callbacks were told.
    final class Told {
        var output: [UInt8] = []
        var errorOutput: [UInt8] = []
        /// Of standard output, as it came.
        var calls: [String] = []
        var messages: [(kind: UInt32, bytes: [UInt8])] = []
        /// Called while the script waits.
        var onMessage: (((kind: UInt32, bytes: [UInt8])) -> Void)?
    }

    struct Outcome: Equatable {
        var status: lfvm_status
        var bytes: [UInt8]

        /// The first two items of a failure message.
        var message: String { FailureMessage(bytes).message }
        var traceback: String? { FailureMessage(bytes).traceback }
        /// The third item, if there is one.
        var errorValue: [UInt8] { FailureMessage(bytes).rest }
    }

    let vm: OpaquePointer
    let told = Told()

    init(
        memoryLimit: Int = 0, bytes: Int = 0, elements: Int = 0, depth: UInt32 = 0, output: Bool = false,
        byNameOnly: Bool = false, level: lfvm_level = LFVM_NONE, instructions: UInt64 = 0, resultLimit: Int = 0,
        interruptible: Bool = false, seed: (UInt64, UInt64) = (1, 2)
    ) throws {
        var options = lfvm_options()
        options.caps = lfvm_caps(bytes: bytes, elements: elements, depth: depth)
        options.memory_limit = memoryLimit
        options.seed = seed
        options.by_name_only = byNameOnly
        options.level = level
        options.instructions = instructions
        options.result_limit = resultLimit
        options.interruptible = interruptible
        options.callbacks.context = Unmanaged.passUnretained(told).toOpaque()
        if output {
            options.callbacks.output = { context, stream, bytes, count in
                let told = Unmanaged<Told>.fromOpaque(context!).takeUnretainedValue()
                let written = UnsafeRawBufferPointer(start: bytes, count: count)
                if stream == LFVM_OUTPUT_STDOUT {
                    told.output += written
                    told.calls.append(String(decoding: written, as: UTF8.self))
                } else {
                    told.errorOutput += written
                }
            }
        }
        options.callbacks.message = { context, kind, bytes, count in
            let told = Unmanaged<Told>.fromOpaque(context!).takeUnretainedValue()
            let message = (kind: kind, bytes: Array(UnsafeBufferPointer(start: bytes, count: count)))
            told.messages.append(message)
            told.onMessage?(message)
        }
        vm = try #require(lfvm_create(&options))
    }

    deinit { lfvm_destroy(vm) }

    @discardableResult
    func define(
        id: UInt32 = 1, _ source: [UInt8], name: String = "@test.lua", allowBytecode: Bool = false
    ) -> Outcome {
        var failure = lfvm_message()
        let status = source.withUnsafeBufferPointer {
            lfvm_define(vm, id, name, $0.baseAddress ?? Self.nowhere, $0.count, allowBytecode, &failure)
        }
        return Outcome(status: status, bytes: status == LFVM_OK ? [] : Self.bytes(of: failure))
    }

    @discardableResult
    func define(id: UInt32 = 1, _ source: String, name: String = "@test.lua") -> Outcome {
        define(id: id, Array(source.utf8), name: name)
    }

    func run(
        id: UInt32 = 1, function: String? = nil, _ arguments: [UInt8] = [0x80], setArg: Bool = false,
        index: UInt64 = 1, attempt: UInt32 = 1
    ) -> Outcome {
        var task = lfvm_task(index: index, attempt: attempt)
        var message = lfvm_message()
        // An exact copy on the heap: a read past its end is seen by the address sanitizer.
        let copy = UnsafeMutablePointer<UInt8>.allocate(capacity: max(arguments.count, 1))
        defer { copy.deallocate() }
        copy.initialize(from: arguments, count: arguments.count)
        let status: lfvm_status
        if let function {
            status = lfvm_run(vm, id, function, function.utf8.count, copy, arguments.count, setArg, &task, &message)
        } else {
            status = lfvm_run(vm, id, nil, 0, copy, arguments.count, setArg, &task, &message)
        }
        return Outcome(status: status, bytes: Self.bytes(of: message))
    }

    /// Defines and runs a chunk.
    @discardableResult
    func evaluate(_ source: String, _ arguments: [UInt8] = [0x80]) -> Outcome {
        let defined = define(id: 1000, source)
        return defined.status == LFVM_OK ? run(id: 1000, arguments) : defined
    }

    /// Whether a chunk ends without error and returns true.
    func holds(_ source: String, _ arguments: [UInt8] = [0x80]) -> Bool {
        let outcome = evaluate(source, arguments)
        if outcome != Outcome(status: LFVM_OK, bytes: [0x81, 0xf5]) { print(outcome.status, outcome.bytes) }
        return outcome == Outcome(status: LFVM_OK, bytes: [0x81, 0xf5])
    }

    // Never read: an empty array has no address.
    nonisolated(unsafe) private static let nowhere = UnsafePointer(UnsafeMutablePointer<UInt8>.allocate(capacity: 1))

    static func bytes(of message: lfvm_message) -> [UInt8] {
        var result: [UInt8] = []
        for i in 0..<message.piece_count {
            let piece = message.pieces![i]
            if let bytes = piece.bytes { result += UnsafeBufferPointer(start: bytes, count: piece.count) }
        }
        #expect(result.count == message.total)
        return result
    }
}

/// A failure message taken apart, so far as tests need it.
struct FailureMessage {
    var message = ""
    var traceback: String?
    var rest: [UInt8] = []

    init(_ bytes: [UInt8]) {
        guard let first = bytes.first, first == 0x82 || first == 0x83 else { return }
        var at = 1
        func string() -> String? {
            guard at < bytes.count, bytes[at] >> 5 == 2 else {
                at += 1
                return nil
            }
            let info = Int(bytes[at] & 31)
            let width = info < 24 ? 0 : 1 << (info - 24)
            var count = info < 24 ? info : 0
            for byte in bytes[(at + 1)..<(at + 1 + width)] { count = count << 8 | Int(byte) }
            at += 1 + width + count
            return String(decoding: bytes[(at - count)..<at], as: UTF8.self)
        }
        message = string() ?? ""
        traceback = string()
        rest = Array(bytes[at...])
    }
}

/// The CBOR head of a byte string and its bytes, or of an array's count.
func head(_ major: UInt8, _ value: Int) -> [UInt8] {
    switch value {
    case ..<24: [major << 5 | UInt8(value)]
    case ..<256: [major << 5 | 24, UInt8(value)]
    case ..<65536: [major << 5 | 25, UInt8(value >> 8), UInt8(value & 255)]
    default: [major << 5 | 26] + (0..<4).map { UInt8(value >> (24 - 8 * $0) & 255) }
    }
}

func string(_ text: String) -> [UInt8] { head(2, text.utf8.count) + Array(text.utf8) }
func double(_ value: Double) -> [UInt8] { [0xfb] + (0..<8).map { UInt8(value.bitPattern >> (56 - 8 * $0) & 255) } }

extension lfvm_status: @retroactive CustomStringConvertible {
    public var description: String {
        let names = [
            "ok", "script error", "memory limit", "not encodable", "result limit", "load error", "no function",
            "bad message", "output limit", "instruction limit",
        ]
        return names[Int(rawValue)]
    }
}
