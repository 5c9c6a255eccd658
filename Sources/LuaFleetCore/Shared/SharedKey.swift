// Keys of shared tables, and the values in them: read from a message and written to one.
import LuaFleetWire

/// A key as Lua compares it: a float with an integral value is an integer.
enum SharedKey: Hashable {
    case integer(Int64)
    case number(UInt64)
    case boolean(Bool)
    case string([UInt8])

    /// nil: it cannot be a key.
    init?(_ reader: inout ValueReader, _ bytes: UnsafeRawBufferPointer) throws(ValueError) {
        switch try reader.next() {
        case .integer(let value): self = .integer(value)
        case .double(let value):
            if let integer = Int64(exactly: value) {
                self = .integer(integer)
            } else if value.isNaN {
                return nil
            } else {
                self = .number(value.bitPattern)
            }
        case .boolean(let value): self = .boolean(value)
        case .string(let offset, let count): self = .string(Array(bytes[offset..<(offset + count)]))
        default: return nil
        }
    }

    func write(to writer: inout ValueWriter) {
        switch self {
        case .integer(let value): writer.integer(value)
        case .number(let bits): writer.double(Double(bitPattern: bits))
        case .boolean(let value): writer.boolean(value)
        case .string(let bytes): writer.string(bytes)
        }
    }
}
