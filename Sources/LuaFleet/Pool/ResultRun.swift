// One pass over the results of many tasks: a feeder, a stream, and what turns bytes into values.
import LuaFleetCore
import LuaFleetWire
import NIOConcurrencyHelpers

struct ResultOptions: Sendable {
    var ordered = true
    /// The first failure ends everything.
    var failsFast = false
    var chunkSize = LuaChunkSize.auto
    /// Tasks outstanding, at least; nil: twice what the workers take at a time.
    var window: Int?
    /// The window is exactly that.
    var isWindowExact = false
}

/// Ends its tasks when nobody holds it any more.
final class ResultRun: Sendable {
    let pool: LuaPool
    let script: LuaScript
    private let stream: TaskStream
    private let feeder: TaskFeeder
    private let feeding = NIOLockedValueBox<Task<Void, Never>?>(nil)

    /// - Throws: ``LuaFleetError`` where the script cannot be read: that fails the whole, not its tasks.
    init(_ pool: LuaPool, _ script: LuaScript, _ options: ResultOptions) throws(LuaFleetError) {
        self.pool = pool
        self.script = script
        var template = try pool.template(script)
        var fixed: Int?
        if case .fixed(let size) = options.chunkSize {
            guard size >= 1 else {
                throw LuaFleetError(code: .setup, message: "a chunk has at least 1 task, not \(size)")
            }
            fixed = size
            template.policy.chunk = UInt32(clamping: size)
        }
        let shell = pool.shell
        let chunk = fixed
        let (least, isExact) = (options.window, options.isWindowExact)
        stream = TaskStream(
            shell: shell, order: options.ordered ? .ofInputs : .ofCompletion, failsFast: options.failsFast
        ) {
            if isExact, let least { return least }
            let share = chunk ?? shell.share.tasks
            return max(2 * shell.share.workers * share, least ?? 1)
        }
        feeder = TaskFeeder(stream: stream, template: template, script: script)
    }

    deinit {
        Self.end(stream, feeding)
    }

    /// The feeder too: it may wait for an input that never comes.
    private static func end(_ stream: TaskStream, _ feeding: NIOLockedValueBox<Task<Void, Never>?>) {
        stream.cancel()
        feeding.withLockedValue { $0 }?.cancel()
    }

    private func begin(_ feed: @escaping @Sendable (TaskFeeder) async -> Void) {
        let feeder = feeder
        let task = Task { await feed(feeder) }
        feeding.withLockedValue { $0 = task }
    }

    func begin<Inputs: Sequence & Sendable>(_ inputs: Inputs) where Inputs.Element: Encodable & Sendable {
        begin { await $0.feed(inputs) }
    }

    func begin<Input: Sendable>(
        _ inputs: some Sequence<Input> & Sendable,
        _ encode: @escaping @Sendable (Input, inout ValueWriter) throws -> Void
    ) {
        begin { await $0.feed(inputs, encode) }
    }

    func begin<Inputs: AsyncSequence & Sendable>(
        _ inputs: Inputs, _ encode: @escaping @Sendable (Inputs.Element, inout ValueWriter) throws -> Void
    ) where Inputs.Element: Sendable {
        begin { await $0.feed(inputs, encode) }
    }

    func next() async throws -> TaskStream.Piece? {
        let (stream, feeding) = (stream, feeding)
        let piece = try await withTaskCancellationHandler {
            try await stream.next()
        } onCancel: {
            Self.end(stream, feeding)
        }
        if piece == nil, stream.wasCut { throw LuaFleetError.cancelled }
        return piece
    }

    // MARK: Values

    /// Appends the values of a piece; throws the failure that it is.
    func append<R: Decodable>(_ piece: TaskStream.Piece, to results: inout [R]) throws {
        switch piece {
        case .one(let index, let outcome): results.append(try value(of: outcome, index: index))
        case .run(let run):
            var position = 0
            do {
                try run.messages.withUnsafeReadableBytes {
                    try Self.append(messages: $0, run.count, to: &results, &position)
                }
            } catch {
                throw LuaFleetError.notDecodable(R.self, error, script: script, index: run.first + position + 1)
            }
        }
    }

    /// The loop that a million short results go through, without the cost of generic code for what they mostly are.
    @_specialize(where R == Int)
    @_specialize(where R == Double)
    @_specialize(where R == Bool)
    @_specialize(where R == String)
    private static func append<R: Decodable>(
        messages: UnsafeRawBufferPointer, _ count: Int, to results: inout [R], _ position: inout Int
    ) throws {
        var offset = 0
        if R.self == Int.self {
            var reader = try ValueReader(messages)
            while position < count, let value = reader.messageOfOneInteger() {
                results.append(unsafeBitCast(Int(value), to: R.self))  // R is Int
                position += 1
            }
            offset = reader.offset
        }
        while position < count {
            results.append(try LuaMessage.decodeNext(R.self, in: messages, at: &offset))
            position += 1
        }
    }

    func value<R: Decodable>(of outcome: TaskOutcome, index: Int) throws -> R {
        if let failure = pool.failure(of: outcome, script: script, index: index + 1) { throw failure }
        guard case .values(let bytes) = outcome.answer else {
            throw LuaFleetError(code: .protocolViolation, message: "the worker answered nothing")
        }
        do {
            return try withExtendedLifetime(outcome.extras.references) { try LuaMessage.decode(R.self, from: bytes) }
        } catch {
            throw LuaFleetError.notDecodable(R.self, error, script: script, index: index + 1)
        }
    }
}
