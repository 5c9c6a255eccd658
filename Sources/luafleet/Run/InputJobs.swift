// The tasks of a run, made of its inputs as they are wanted.
import LuaFleet
import NIOPosix
import Synchronization

/// A job for every input, in order; the inputs are read on a thread of their own, because a pipe may have nothing for hours.
struct InputJobs: AsyncSequence, Sendable {
    typealias Element = LuaJob

    private let source: JobSource

    init(_ source: JobSource) {
        self.source = source
    }

    func makeAsyncIterator() -> Iterator {
        Iterator(source: source)
    }

    struct Iterator: AsyncIteratorProtocol {
        fileprivate let source: JobSource
        private var batch = [LuaJob]()
        private var position = 0

        fileprivate init(source: JobSource) {
            self.source = source
        }

        mutating func next() async throws -> LuaJob? {
            if position == batch.count {
                let source = source
                batch = try await NIOThreadPool.singleton.runIfActive { try source.nextBatch() }
                position = 0
            }
            guard position < batch.count else { return nil }
            position += 1
            return batch[position - 1]
        }
    }
}

/// Turns inputs into jobs, and remembers the inputs of tasks that have not been reported yet.
final class JobSource: Sendable {
    /// Larger: fewer changes of thread for a million short lines; the memory is that of so many lines.
    private static let batchLimit = 256

    private struct State {
        var reader: InputReader
        /// Read ahead, to know that there is any.
        var first: InputRecord?
        var count = 0
        /// By the task's index, from 1.
        var inputs: [Int: InputRecord] = [:]

        mutating func next() throws(UsageError) -> InputRecord? {
            if let first = first.take() { return first }
            return try reader.next()
        }
    }

    private let script: LuaScript
    private let templates: [Template]
    private let state: Mutex<State>

    /// Opens the sources and waits for the first input: where there is none, nothing is started.
    init(_ plan: InputPlan, script: LuaScript, arguments: [Bytes]) throws(UsageError) {
        var reader = try InputReader(plan)
        guard let first = try reader.next() else { throw UsageError("no input: \(Self.names(of: plan))") }
        self.script = script
        templates = arguments.map { [names = reader.columnNames] in Template($0, columnNames: names) }
        state = Mutex(State(reader: reader, first: first))
    }

    private static func names(of plan: InputPlan) -> String {
        let files = plan.sources.compactMap { source -> String? in
            guard case .file(let name) = source.origin else { return nil }
            return name == Bytes("-".utf8) ? "standard input" : name.shown()
        }
        return files.isEmpty ? "all sources together give none" : "\(files.joined(separator: ", ")) has none"
    }

    /// At least one job, and as many more as can be had without waiting; none at the end.
    func nextBatch() throws(UsageError) -> [LuaJob] {
        try state.withLock { (state) throws(UsageError) in
            var jobs = [LuaJob]()
            repeat {
                guard let input = try state.next() else { break }
                state.count += 1
                state.inputs[state.count] = input
                jobs.append(job(input, index: state.count))
            } while jobs.count < Self.batchLimit && state.reader.hasMoreAtHand
            return jobs
        }
    }

    private func job(_ input: InputRecord, index: Int) -> LuaJob {
        LuaJob(script, Template.arguments(templates, input: input, index: index, slot: 0).map(\.luaValue))
    }

    /// The input of a task that has ended; asked for once.
    func takeInput(of index: Int) -> InputRecord {
        state.withLock { $0.inputs.removeValue(forKey: index) ?? [] }
    }
}
