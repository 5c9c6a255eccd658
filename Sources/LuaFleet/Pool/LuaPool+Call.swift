// One task, waited for.
import LuaFleetWire

extension LuaPool {
    /// Runs a task on some worker and waits for its first result. What `Pool.apply` does in Python.
    ///
    /// ```swift
    /// let nine: Int = try await pool.call(tasks.function("square"), 3)
    /// ```
    ///
    /// - Parameters:
    ///   - script: the script, or one of its functions.
    ///   - arguments: any `Encodable`; ``LuaValue`` passes as it is.
    /// - Throws: ``LuaError`` when the script raises, does not compile or has no such function; ``LuaFleetError`` for the rest: the worker died, a
    ///   limit was reached, an argument cannot be sent, the result is no `R`, the surrounding task was cancelled.
    public func call<R: Decodable & Sendable>(
        _ script: LuaScript, _ arguments: any Encodable & Sendable..., returning type: R.Type = R.self
    ) async throws -> R {
        try result(of: try await outcome(script, arguments), script)
    }

    /// Runs a task and waits for all its results, `nil` in the middle and their count kept.
    @discardableResult
    public func call(_ script: LuaScript, _ arguments: any Encodable & Sendable...) async throws -> LuaResults {
        try result(of: try await outcome(script, arguments), script)
    }

    private func outcome(_ script: LuaScript, _ arguments: [any Encodable & Sendable]) async throws -> TaskOutcome {
        let waiter = SingleWaiter(shell: shell)
        let record = TaskRecord(
            try request(script) { try LuaMessage.encode(arguments: arguments, into: &$0) }, waiter: waiter)
        let outcome = await waiter.outcome(of: record)
        if let failure = failure(of: outcome, script: script, index: 1) { throw failure }
        return outcome
    }

    /// The shared objects in the results live until they are decoded.
    private func result<R: Decodable>(of outcome: TaskOutcome, _ script: LuaScript) throws(LuaFleetError) -> R {
        try withExtendedLifetime(outcome.extras.references) { () throws(LuaFleetError) in
            // It was no failure, so there are values.
            guard case .values(let bytes) = outcome.answer else { return try result([], of: script) }
            return try result(bytes, of: script)
        }
    }

    func result<R: Decodable>(_ bytes: [UInt8], of script: LuaScript) throws(LuaFleetError) -> R {
        try reader.result(bytes, of: script)
    }
}

extension OutcomeReader {
    func result<R: Decodable>(_ bytes: [UInt8], of script: LuaScript) throws(LuaFleetError) -> R {
        do {
            return try LuaMessage.decode(R.self, from: bytes)
        } catch {
            throw .notDecodable(R.self, error, script: script)
        }
    }
}

extension LuaFleetError {
    /// A result that is of another type.
    static func notDecodable<R>(
        _ type: R.Type, _ error: any Error, script: LuaScript, index: Int = 0
    ) -> LuaFleetError {
        LuaFleetError(
            code: .notDecodable,
            message: "the result of \(script) is no \(R.self): \(LuaFleetError.describe(error))",
            task: LuaTaskContext(script: script.description, index: index))
    }

    /// An argument that cannot be sent.
    static func notSent(_ error: any Error, to script: LuaScript) -> LuaFleetError {
        let context = LuaTaskContext(script: script.description)
        if let error = error as? ValueError, error.isLimit {
            return LuaFleetError(code: .argumentLimit, message: "cannot send the arguments: \(error)", task: context)
        }
        return LuaFleetError(code: .notEncodable, message: "cannot send argument \(describe(error))", task: context)
    }

    /// One line, with the place in the value.
    static func describe(_ error: any Error) -> String {
        switch error {
        case EncodingError.invalidValue(_, let context): place(context.codingPath) + context.debugDescription
        case DecodingError.typeMismatch(_, let context), DecodingError.valueNotFound(_, let context),
            DecodingError.keyNotFound(_, let context), DecodingError.dataCorrupted(let context):
            place(context.codingPath) + context.debugDescription
        default: "\(error)"
        }
    }

    private static func place(_ path: [any CodingKey]) -> String {
        path.isEmpty
            ? "" : path.map { key in key.intValue.map { "[\($0)]" } ?? ".\(key.stringValue)" }.joined() + ": "
    }
}
