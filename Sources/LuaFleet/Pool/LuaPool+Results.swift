// Many tasks of one script: the results as they come, one after the other.
import LuaFleetCore
import LuaFleetWire
import NIOCore

/// What became of one task of a stream.
public struct LuaTaskResult<Value: Decodable & Sendable>: Sendable {
    /// The number of its input, from 1; what `fleet.task.index` said.
    public let index: Int
    public let result: Result<Value, any Error>

    /// The task's value.
    ///
    /// - Throws: ``LuaError`` or ``LuaFleetError``, why it has none.
    public var value: Value {
        get throws { try result.get() }
    }
}

extension LuaPool {
    /// Runs the task once for every input and yields the results, in the order of the inputs or, where not `ordered`, as they come. What `Pool.imap` and
    /// `imap_unordered` do in Python.
    ///
    /// A task that fails is one element, whose ``LuaTaskResult/value`` throws; the others go on. Inputs are taken as there is room for them, so that an endless
    /// sequence runs in flat memory. Leaving the sequence early, or cancelling the surrounding task, drops what waits and kills what runs.
    ///
    /// - Parameters:
    ///   - chunkSize: how many tasks a worker is sent together. Default: `.auto`.
    ///   - window: how many tasks are taken ahead of the results that were read, at most. Default: 2 × workers × chunk.
    public func results<Input: Encodable & Sendable, R: Decodable & Sendable>(
        of script: LuaScript, _ inputs: some Sequence<Input> & Sendable, ordered: Bool = true,
        chunkSize: LuaChunkSize = .auto, window: Int? = nil, returning type: R.Type = R.self
    ) -> LuaTaskResults<R> {
        LuaTaskResults(pool: self, script: script, options: Self.options(ordered, chunkSize, window)) {
            $0.begin(inputs)
        }
    }

    /// The same for inputs that come in their own time. What they throw is thrown after the results of what came before.
    public func results<Inputs: AsyncSequence & Sendable, R: Decodable & Sendable>(
        of script: LuaScript, _ inputs: Inputs, ordered: Bool = true, chunkSize: LuaChunkSize = .auto,
        window: Int? = nil, returning type: R.Type = R.self
    ) -> LuaTaskResults<R> where Inputs.Element: Encodable & Sendable {
        LuaTaskResults(pool: self, script: script, options: Self.options(ordered, chunkSize, window)) { run in
            run.begin(inputs) { try LuaMessage.encode(argument: $0, into: &$1) }
        }
    }

    private static func options(_ ordered: Bool, _ chunkSize: LuaChunkSize, _ window: Int?) -> ResultOptions {
        ResultOptions(ordered: ordered, chunkSize: chunkSize, window: window, isWindowExact: window != nil)
    }
}

/// The results of a stream of tasks. Each iterator runs the tasks anew; one consumer an iterator.
public struct LuaTaskResults<Value: Decodable & Sendable>: AsyncSequence, Sendable {
    public typealias Element = LuaTaskResult<Value>

    let pool: LuaPool
    let script: LuaScript
    let options: ResultOptions
    let begin: @Sendable (ResultRun) -> Void

    public func makeAsyncIterator() -> Iterator {
        do throws(LuaFleetError) {
            let run = try ResultRun(pool, script, options)
            begin(run)
            return Iterator(run: run)
        } catch {
            return Iterator(failure: error)
        }
    }

    public struct Iterator: AsyncIteratorProtocol {
        private var run: ResultRun?
        private var failure: LuaFleetError?
        /// What was taken and not yielded yet.
        private var piece: ReturnedRun?
        private var position = 0
        private var offset = 0

        fileprivate init(run: ResultRun) {
            self.run = run
        }

        fileprivate init(failure: LuaFleetError) {
            self.failure = failure
        }

        public mutating func next() async throws -> LuaTaskResult<Value>? {
            if let failure {
                self.failure = nil
                throw failure
            }
            guard let run else { return nil }
            while true {
                if let piece {
                    if position < piece.count { return yield(piece, run) }
                    self.piece = nil
                }
                switch try await run.next() {
                case .run(let next):
                    piece = next
                    position = 0
                    offset = 0
                case .one(let index, let outcome):
                    return LuaTaskResult(
                        index: index + 1, result: Result { try run.value(of: outcome, index: index) })
                case nil:
                    self.run = nil
                    return nil
                }
            }
        }

        private mutating func yield(_ piece: ReturnedRun, _ run: ResultRun) -> LuaTaskResult<Value> {
            let index = piece.first + position + 1
            position += 1
            do {
                let value = try piece.messages.withUnsafeReadableBytes {
                    try LuaMessage.decodeNext(Value.self, in: $0, at: &offset)
                }
                return LuaTaskResult(index: index, result: .success(value))
            } catch {
                return LuaTaskResult(
                    index: index,
                    result: .failure(run.pool.notDecodable(Value.self, error, script: run.script, index: index)))
            }
        }
    }
}
