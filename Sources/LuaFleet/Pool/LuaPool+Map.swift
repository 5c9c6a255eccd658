// Many tasks of one script: the whole list of results, in the order of the inputs.
import LuaFleetCore
import LuaFleetWire

extension LuaPool {
    /// Runs the task once for every input, and returns the results in the order of the inputs. What `Pool.map` does in Python.
    ///
    /// The first failure, in time, is thrown as soon as it happens; tasks that wait then vanish and running ones are killed.
    ///
    /// - Parameters:
    ///   - inputs: each is the one argument of a task. Read as there is room: at most some thousand ahead of the results.
    ///   - chunkSize: how many tasks a worker is sent together. Default: `.auto`.
    /// - Throws: ``LuaError`` or ``LuaFleetError`` of a task that failed; what the surrounding task's cancellation makes of them: code `cancelled`.
    public func map<Input: Encodable & Sendable, R: Decodable & Sendable>(
        _ script: LuaScript, _ inputs: some Sequence<Input> & Sendable, chunkSize: LuaChunkSize = .auto,
        returning type: R.Type = R.self
    ) async throws -> [R] {
        try await mapped(script, chunkSize) { $0.begin(inputs) }
    }

    /// The same for functions of several arguments: each input is a list of arguments. What `Pool.starmap` does in Python.
    public func starMap<R: Decodable & Sendable>(
        _ script: LuaScript, _ inputs: some Sequence<[any Encodable & Sendable]> & Sendable,
        chunkSize: LuaChunkSize = .auto, returning type: R.Type = R.self
    ) async throws -> [R] {
        try await mapped(script, chunkSize) { run in
            run.begin(inputs) { try LuaMessage.encode(arguments: $0, into: &$1) }
        }
    }

    /// The same for tuples: `pool.starMap(power, [(2, 3), (3, 2)])`.
    public func starMap<each Argument: Encodable & Sendable, R: Decodable & Sendable>(
        _ script: LuaScript, _ inputs: some Sequence<(repeat each Argument)> & Sendable,
        chunkSize: LuaChunkSize = .auto, returning type: R.Type = R.self
    ) async throws -> [R] {
        try await mapped(script, chunkSize) { run in
            run.begin(inputs) { (input: (repeat each Argument), writer) in
                var arguments: [any Encodable & Sendable] = []
                for argument in repeat each input { arguments.append(argument) }
                try LuaMessage.encode(arguments: arguments, into: &writer)
            }
        }
    }

    /// Runs the task for every input and returns what became of each, in the order of the inputs: one failure is one element and ends nothing else.
    ///
    /// - Throws: ``LuaFleetError`` where the script cannot be read, an input cannot be sent or the surrounding task is cancelled.
    public func mapResults<Input: Encodable & Sendable, R: Decodable & Sendable>(
        _ script: LuaScript, _ inputs: some Sequence<Input> & Sendable, chunkSize: LuaChunkSize = .auto,
        returning type: R.Type = R.self
    ) async throws -> [Result<R, any Error>] {
        let results = results(of: script, inputs, chunkSize: chunkSize, window: Self.mapWindow, returning: type)
        var list: [Result<R, any Error>] = []
        for try await result in results { list.append(result.result) }
        return list
    }

    /// Tasks that a map has ahead of its results at least: it keeps them all anyway.
    static let mapWindow = 8192

    private func mapped<R: Decodable & Sendable>(
        _ script: LuaScript, _ chunkSize: LuaChunkSize, _ begin: (ResultRun) -> Void
    ) async throws -> [R] {
        let run = try ResultRun(
            self, script, ResultOptions(ordered: true, failsFast: true, chunkSize: chunkSize, window: Self.mapWindow))
        begin(run)
        var results: [R] = []
        while let piece = try await run.next() { try run.append(piece, to: &results) }
        return results
    }
}
