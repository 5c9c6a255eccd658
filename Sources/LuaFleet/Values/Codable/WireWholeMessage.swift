// A message read whole for the sake of the values inside that share tables with each other.

import LuaFleetWire

/// The graph of a message, and which of its nodes begins where.
struct WireWholeMessage {
    private let graph: ValueGraph
    private let places: [Int: UInt32]

    init(bytes: [UInt8], limits: ValueLimits) throws(ValueError) {
        var result: Result<WireWholeMessage, ValueError>?
        bytes.withUnsafeBytes { buffer in
            do throws(ValueError) {
                var builder = ValueGraphBuilder(reader: try ValueReader(buffer, limits: limits), scope: .indexed)
                try builder.readMessage()
                result = .success(WireWholeMessage(builder, bytes))
            } catch {
                result = .failure(error)
            }
        }
        self = try result!.get()  // set in the closure, which withUnsafeBytes always calls
    }

    private init(_ builder: consuming ValueGraphBuilder, _ bytes: [UInt8]) {
        var places: [Int: UInt32] = [:]
        places.reserveCapacity(builder.places.count)
        for number in 0..<builder.places.count { places[builder.places[number].offset] = builder.places[number].node }
        self.places = places
        graph = builder.finish(bytes: bytes)
    }

    /// The table, function or object that begins at `offset`; nil if none does.
    func value(at offset: Int) -> LuaValue? {
        places[offset].map { graph.value(ValueSlot(.node, payload: UInt64($0))) }
    }
}
