// Many tasks of one script, in the order of their inputs.
import LuaFleetWire

extension LuaPool {
    /// Runs the task once for every input, and returns the results in the order of the inputs. What `Pool.map` does in Python.
    ///
    /// The first failure in that order is thrown; tasks that wait then vanish and running ones are killed. At most 2 × workers inputs are taken
    /// ahead of the results.
    ///
    /// - Throws: ``LuaError`` or ``LuaFleetError`` of the first input that failed; `CancellationError` never: a cancelled task shows as code `cancelled`.
    public func map<Input: Encodable & Sendable, R: Decodable & Sendable>(
        _ script: LuaScript, _ inputs: some Sequence<Input> & Sendable, returning type: R.Type = R.self
    ) async throws -> [R] {
        _ = try script.origin.content()  // a script that cannot be read fails the map, not its tasks
        let stream = TaskStream(shell: shell, window: 2 * configuration.workers, isOrdered: true)
        let feeder = Task {
            var index: UInt64 = 0
            for input in inputs {
                guard await stream.waitForRoom() else {
                    return stream.inputEnded(LuaFleetError(code: .cancelled, message: "cancelled"))
                }
                index += 1
                do {
                    stream.feed(try request(script, index: index) { try LuaMessage.encode(argument: input, into: &$0) })
                } catch {
                    return stream.inputEnded(error)
                }
            }
            stream.inputEnded()
        }
        return try await withTaskCancellationHandler {
            defer {
                stream.cancel()
                feeder.cancel()
            }
            var results = [R]()
            results.reserveCapacity(inputs.underestimatedCount)
            while let (index, outcome) = try await stream.next() {
                if let failure = failure(of: outcome, script: script, index: index + 1) { throw failure }
                guard case .values(let bytes) = outcome.answer else { continue }  // else it was a failure
                results.append(try result(bytes, of: script))
            }
            return results
        } onCancel: {
            stream.cancel()
        }
    }
}
