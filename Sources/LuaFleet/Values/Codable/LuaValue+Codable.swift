// Values with encoders and decoders other than LuaFleet's own, such as JSONEncoder.

extension LuaValue: Codable {
    /// Nil and fleet.null become null, tables become lists or, with string keys, dictionaries.
    ///
    /// LuaFleet's own encoder does not come here and writes every value as it is.
    ///
    /// - Throws: `EncodingError` for a handle, function or object, for a string that is not UTF-8, a table with other keys, and more than
    ///   200 levels.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        if encoder is WireEncoder || encoder is WireSuperEncoder { return try container.encode(self) }
        func fail(_ text: String) -> EncodingError {
            .invalidValue(self, .init(codingPath: encoder.codingPath, debugDescription: text))
        }
        switch self {
        case .nil, .null: try container.encodeNil()
        case .boolean(let value): try container.encode(value)
        case .integer(let value): try container.encode(value)
        case .number(let value): try container.encode(value)
        case .string(let value):
            guard let text = String(value) else { throw fail("the string is not UTF-8") }
            try container.encode(text)
        case .table(let table):
            guard encoder.codingPath.count < 200 else { throw fail("the tables are nested too deeply") }
            if let array = table.array {
                try container.encode(array)
            } else if let dictionary {
                try container.encode(dictionary)
            } else {
                throw fail("the table has keys that are no strings")
            }
        case .handle, .function, .object: throw fail("\(typeName) values only go to Lua")
        }
    }

    /// From null comes fleet.null.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if decoder is WireDecoder {
            self = try container.decode(LuaValue.self)
        } else if container.decodeNil() {
            self = .null
        } else if let value = try? container.decode(Bool.self) {
            self = .boolean(value)
        } else if let value = try? container.decode(Int64.self) {
            self = .integer(value)
        } else if let value = try? container.decode(Double.self) {
            self = .number(value)
        } else if let value = try? container.decode(String.self) {
            self = .string(LuaString(value))
        } else if let value = try? container.decode([LuaValue].self) {
            self = LuaValue(value)
        } else {
            self = LuaValue(try container.decode([String: LuaValue].self))
        }
    }
}

extension LuaTable: Codable {
    /// As ``LuaValue`` does.
    public func encode(to encoder: any Encoder) throws {
        try LuaValue.table(self).encode(to: encoder)
    }

    /// - Throws: `DecodingError` when there is no table.
    public init(from decoder: any Decoder) throws {
        guard case .table(let table) = try LuaValue(from: decoder) else {
            throw DecodingError.typeMismatch(
                LuaTable.self, .init(codingPath: decoder.codingPath, debugDescription: "expected a table"))
        }
        self = table
    }
}

extension LuaString: Codable {
    /// As text. - Throws: `EncodingError` when the bytes are not UTF-8 and the encoder is not LuaFleet's own.
    public func encode(to encoder: any Encoder) throws {
        try LuaValue.string(self).encode(to: encoder)
    }

    /// - Throws: `DecodingError` when there is no string.
    public init(from decoder: any Decoder) throws {
        if decoder is WireDecoder {
            self = try decoder.singleValueContainer().decode(LuaString.self)
        } else {
            self.init(try decoder.singleValueContainer().decode(String.self))
        }
    }
}
