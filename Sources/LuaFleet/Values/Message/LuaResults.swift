// All values that a task returned.

import LuaFleetWire

/// What a task returned: any number of values, nil among them and at their end kept. Thread-safe.
///
/// `return 1, nil, 3, nil` has a ``count`` of 4. Values are counted from 0, as Swift counts.
///
/// ```swift
/// let results: LuaResults = try await pool.call(.source("return 1, nil, 'x'"))
/// results.count                               // 3
/// results[2].string                           // "x"
/// let first = try results.decode(Int.self, at: 0)
/// ```
public struct LuaResults: Sendable {
    package let graph: ValueGraph

    package init(graph: ValueGraph) {
        self.graph = graph
    }

    /// Reads a message of results.
    package init(message: [UInt8], limits: ValueLimits = .standard) throws(ValueError) {
        graph = try ValueGraph.message(message, limits: limits)
    }

    /// The value at `position` as a `T`; beyond the end it is nil, as in Lua.
    ///
    /// - Throws: `DecodingError` naming the coding path when the value is no `T`.
    public func decode<T: Decodable>(_ type: T.Type = T.self, at position: Int = 0) throws -> T {
        guard position >= 0, position < count else { return try LuaValue.nil.decode(type) }
        return try self[position].decode(type)
    }
}

extension LuaResults: RandomAccessCollection {
    public var startIndex: Int { 0 }
    /// How many values came back, nil included; what `select("#", …)` says.
    public var endIndex: Int { Int(graph.nodes[0].arrayCount) }

    /// The value at `position`, from 0; nil beyond the end, as in Lua.
    public subscript(position: Int) -> LuaValue { graph.content(of: 0, at: position) }
}

extension LuaResults: Hashable {
    /// Whether both have the same number of values, and equal ones.
    public static func == (left: LuaResults, right: LuaResults) -> Bool { left.elementsEqual(right) }

    public func hash(into hasher: inout Hasher) {
        for value in self { hasher.combine(value) }
    }
}

extension LuaResults: CustomStringConvertible {
    /// The values as Lua's `print` writes them, between tabs.
    public var description: String { map { LuaText.printed($0) }.joined(separator: "\t") }
}

extension LuaResults: Decodable {
    /// From a `Decoder` other than LuaFleet's own it cannot come.
    ///
    /// - Throws: `DecodingError`, always: a pool makes results without this.
    public init(from decoder: any Decoder) throws {
        throw DecodingError.dataCorrupted(
            .init(codingPath: decoder.codingPath, debugDescription: "LuaResults are only the whole of a task's results")
        )
    }
}

/// No value: for a task whose results do not matter. Decodes from anything.
///
/// `let _: LuaNothing = try await pool.call(script)`
public struct LuaNothing: Hashable, Sendable, Codable {
    public init() {}
    /// Looks at nothing.
    public init(from decoder: any Decoder) {}
    /// An empty table.
    public func encode(to encoder: any Encoder) throws {
        _ = encoder.unkeyedContainer()
    }
}
