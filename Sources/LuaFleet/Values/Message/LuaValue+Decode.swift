// Values from message bytes, and values to and from Codable types.

import LuaFleetWire

extension LuaValue {
    /// Makes a value of anything that is `Encodable`.
    ///
    /// - Throws: `EncodingError` naming the coding path.
    public init<T: Encodable>(encoding value: T) throws {
        if let value = value as? LuaValue {
            self = value
            return
        }
        do {
            var writer = ValueWriter(limits: .standard)
            try LuaMessage.encode(argument: value, into: &writer)
            self = try ValueGraph.message(writer.bytes()).content(of: 0, at: 0)
        } catch let error as ArgumentError {
            throw error.underlying
        } catch let error as ValueError {
            throw EncodingError.invalidValue(
                value, .init(codingPath: [], debugDescription: "\(error)", underlyingError: error))
        }
    }

    /// Makes a `T` of the value, as if it had come back from a task.
    ///
    /// - Throws: `DecodingError` naming the coding path when the value is no `T`.
    public func decode<T: Decodable>(_ type: T.Type = T.self) throws -> T {
        if type == LuaValue.self { return self as! T }  // T is LuaValue
        do {
            var writer = ValueWriter(limits: .standard)
            writer.beginMessage(items: 1)
            try encode(into: &writer)
            try writer.checkLimits()
            return try LuaMessage.decode(type, from: writer.bytes())
        } catch let error as ValueError {
            throw DecodingError.dataCorrupted(
                .init(codingPath: [], debugDescription: "\(error)", underlyingError: error))
        }
    }
}
