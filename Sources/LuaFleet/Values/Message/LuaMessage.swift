// Arguments and results as messages: what the pool calls.

import LuaFleetWire

/// Messages: CBOR arrays of arguments or of results.
package enum LuaMessage {
    /// A message of these arguments.
    ///
    /// - Throws: ``ArgumentError`` from an argument that has no meaning in Lua; `ValueError` for a limit.
    package static func encode(
        arguments: [any Encodable & Sendable], limits: ValueLimits = .standard
    ) throws -> [UInt8] {
        var writer = ValueWriter(limits: limits)
        try encode(arguments: arguments, into: &writer, limits: limits)
        return writer.bytes()
    }

    /// Appends a message of these arguments to what `writer` holds. When it throws, `writer` is as it was.
    package static func encode(
        arguments: [any Encodable & Sendable], into writer: inout ValueWriter, limits: ValueLimits = .standard
    ) throws {
        writer.beginMessage(items: arguments.count, limits: limits)
        var position = 1
        do {
            for argument in arguments {
                try encode1(argument, into: &writer)
                position += 1
            }
            try writer.checkLimits()
        } catch {
            writer.abandonMessage()
            throw error is ValueError ? error : ArgumentError(position: position, underlying: error)
        }
    }

    /// A message of one argument.
    ///
    /// - Throws: ``ArgumentError`` from an argument that has no meaning in Lua; `ValueError` for a limit.
    package static func encode<T: Encodable>(argument: T, limits: ValueLimits = .standard) throws -> [UInt8] {
        var writer = ValueWriter(limits: limits)
        try encode(argument: argument, into: &writer, limits: limits)
        return writer.bytes()
    }

    /// Appends a message of one argument. When it throws, `writer` is as it was.
    package static func encode<T: Encodable>(
        argument: T, into writer: inout ValueWriter, limits: ValueLimits = .standard
    ) throws {
        writer.beginMessage(items: 1, limits: limits)
        do {
            try encode1(argument, into: &writer)
            try writer.checkLimits()
        } catch {
            writer.abandonMessage()
            throw error is ValueError ? error : ArgumentError(position: 1, underlying: error)
        }
    }

    /// Appends one argument to the message that `writer` has begun (``ValueWriter/beginMessage(items:limits:)``).
    ///
    /// When it throws, half of the argument may be written: abandon the message. The byte limit shows only in
    /// ``ValueWriter/checkLimits()``, once at the end.
    @inline(__always)
    package static func encode1<T: Encodable>(_ value: T, into writer: inout ValueWriter) throws {
        if try !WireScalar.encode(value, into: &writer) {
            try WireEncoding.encode(value, into: &writer)
        }
    }

    /// The first value of a message of results as an `R`; no value at all is nil. For ``LuaResults``: all of them.
    ///
    /// - Throws: `DecodingError` naming the coding path when the value is no `R`; `ValueError` when the bytes are no message or over a limit.
    package static func decode<R: Decodable>(
        _ type: R.Type = R.self, from bytes: [UInt8], limits: ValueLimits = .standard
    ) throws -> R {
        if type == LuaResults.self { return try LuaResults(message: bytes, limits: limits) as! R }  // R is LuaResults
        if type == LuaValue.self {
            return try ValueGraph.message(bytes, limits: limits).content(of: 0, at: 0) as! R  // R is LuaValue
        }
        return try bytes.withUnsafeBytes { try decode(type, from: $0, owner: bytes, limits: limits) }
    }

    /// The same from borrowed bytes. What the value keeps of them it copies.
    package static func decode<R: Decodable>(
        _ type: R.Type = R.self, from bytes: UnsafeRawBufferPointer, limits: ValueLimits = .standard
    ) throws -> R {
        if type == LuaResults.self || type == LuaValue.self {
            return try decode(type, from: [UInt8](bytes), limits: limits)
        }
        return try decode(type, from: bytes, owner: nil, limits: limits)
    }

    private static func decode<R: Decodable>(
        _ type: R.Type, from bytes: UnsafeRawBufferPointer, owner: [UInt8]?, limits: ValueLimits
    ) throws -> R {
        var reader = try ValueReader(bytes, limits: limits)
        guard case .array(let count) = try reader.next(), count >= 0 else { throw ValueError(.malformed, at: 0) }
        if count == 1, type == Int.self || type == Double.self || type == Bool.self {
            let value = try withUnsafeTemporaryAllocation(of: R.self, capacity: 1) { place -> R? in
                let place = place.baseAddress.unsafelyUnwrapped  // the capacity is not 0
                return try WireScalar.decode(type, from: &reader, into: place) ? place.move() : nil
            }
            if let value {
                try reader.finish()
                return value
            }
        }
        let state = WireDecoderState(reader: reader, owner: owner)
        defer { state.end() }
        if count == 0 { return try WireDecoderState.decodeMissing(type, limits: limits) }
        let value = try state.decode(type, path: nil)
        // What comes after the first value is passed over, but it has to be well-formed.
        for _ in 1..<count { try state.reader.skip() }
        try state.reader.finish()
        return value
    }

    /// The same for one of several messages that stand back to back: the one at `offset`, which moves behind it, also where it is no `R`. Where the bytes
    /// are no message it moves to their end.
    package static func decodeNext<R: Decodable>(
        _ type: R.Type = R.self, in bytes: UnsafeRawBufferPointer, at offset: inout Int,
        limits: ValueLimits = .standard
    ) throws -> R {
        var reader = try ValueReader(bytes, at: offset, limits: limits)
        // A number by itself is what most tasks return, and its end need not be looked for.
        if type == Int.self || type == Double.self || type == Bool.self, try reader.next().isArrayOfOne {
            let value = try withUnsafeTemporaryAllocation(of: R.self, capacity: 1) { place -> R? in
                let place = place.baseAddress.unsafelyUnwrapped  // the capacity is not 0
                return try WireScalar.decode(type, from: &reader, into: place) ? place.move() : nil
            }
            if let value {
                offset = reader.offset
                return value
            }
        }
        reader = try ValueReader(bytes, at: offset, limits: limits)
        let start = offset
        offset = bytes.count
        try reader.skip()
        offset = reader.offset
        return try decode(type, from: UnsafeRawBufferPointer(rebasing: bytes[start..<offset]), limits: limits)
    }
}

extension ValueItem {
    fileprivate var isArrayOfOne: Bool {
        if case .array(1) = self { true } else { false }
    }
}
