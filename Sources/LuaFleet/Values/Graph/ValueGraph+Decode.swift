// Graphs of messages, and of single values in the middle of one.

import LuaFleetWire

extension ValueGraph {
    /// Reads a whole message. Node 0 has its items as its array part.
    package static func message(
        _ bytes: [UInt8], limits: ValueLimits = .standard
    ) throws(ValueError) -> ValueGraph {
        var result: Result<ValueGraph, ValueError>?
        bytes.withUnsafeBytes { buffer in
            do throws(ValueError) {
                var builder = ValueGraphBuilder(reader: try ValueReader(buffer, limits: limits))
                try builder.readMessage()
                result = .success(builder.finish(bytes: bytes))
            } catch {
                result = .failure(error)
            }
        }
        return try result!.get()  // set in the closure, which withUnsafeBytes always calls
    }
}
