// Raw shared memory and shareable lists in Swift.
import CFleetSystem
import Glibc
import LuaFleetCore
import LuaFleetWire

/// Bytes that the host and all workers have mapped: `multiprocessing.SharedMemory`, without a name in /dev/shm: gone with the last user, however that ends.
public struct SharedMemory: LuaAcquirable {
    public let handle: LuaHandle

    public init(_ handle: LuaHandle) throws(LuaFleetError) { self.handle = try handle.checked(.memory) }

    /// Zero bytes. Only what is written to takes memory.
    ///
    /// - Parameter size: bytes, at least 1.
    public init(size: Int, name: String? = nil) throws(LuaFleetError) {
        handle = try Self.create(.memory, try Self.creation(name, [.integer(Int64(size))]))[0]
    }

    /// Bytes.
    public var size: Int { get throws(LuaFleetError) { try mapping.byteCount } }

    /// A copy of some of the bytes.
    ///
    /// - Throws: ``LuaFleetError`` with code `sharedObject` for a range outside.
    public func read(_ range: Range<Int>) throws(LuaFleetError) -> [UInt8] {
        let mapping = try checked(range)
        return Array(UnsafeRawBufferPointer(start: mapping.start + range.lowerBound, count: range.count))
    }

    /// Writes bytes from `offset` on.
    public func write(_ bytes: [UInt8], at offset: Int = 0) throws(LuaFleetError) {
        let mapping = try checked(offset..<max(offset, offset &+ bytes.count))
        bytes.withUnsafeBytes { source in
            guard let start = source.baseAddress else { return }
            (mapping.start + offset).copyMemory(from: start, byteCount: source.count)
        }
    }

    /// Calls `body` with the memory itself, which stays mapped until it returns. Other processes may change it at any time.
    public func withBytes<R, E: Error>(_ body: (UnsafeMutableRawBufferPointer) throws(E) -> R) throws -> R {
        let mapping = try mapping
        return try withExtendedLifetime(mapping) {
            try body(UnsafeMutableRawBufferPointer(start: mapping.start, count: mapping.byteCount))
        }
    }

    private func checked(_ range: Range<Int>) throws(LuaFleetError) -> SharedMapping {
        let mapping = try mapping
        guard range.lowerBound >= 0, range.upperBound <= mapping.byteCount else {
            throw .shared("\(self): bytes \(range) are outside of 0..<\(mapping.byteCount)")
        }
        return mapping
    }
}

/// A list of a fixed number of nil, booleans, numbers and strings in shared memory: `multiprocessing.ShareableList`. Each slot has room for a string of a
/// fixed length; strings are bytes, and come back as they went in. Indices are from 0 in Swift, from 1 in Lua.
public struct ShareableList: LuaAcquirable {
    public let handle: LuaHandle

    public init(_ handle: LuaHandle) throws(LuaFleetError) { self.handle = try handle.checked(.shareableList) }

    /// - Parameters:
    ///   - values: at least one.
    ///   - room: bytes that every slot has at least for a string; default 8.
    public init(_ values: [LuaValue], room: Int = 8, name: String? = nil) throws(LuaFleetError) {
        guard !values.isEmpty else { throw .shared("shareable list: it needs at least one value") }
        let capacities = values.map { value in
            guard case .string(let string) = value else { return UInt32(clamping: max(0, room)) }
            return UInt32(clamping: max(string.count, room))
        }
        let size = lfs_list_size(capacities, capacities.count)
        handle = try Self.create(.shareableList, try Self.creation(name, [.integer(Int64(size))]))[0]
        let mapping = try mapping
        guard mapping.byteCount >= size, lfs_list_begin(mapping.start) else { return }  // there is one of that name
        lfs_list_format(mapping.start, capacities, capacities.count)
        for (index, value) in values.enumerated() { try set(index, value) }
    }

    public var count: Int {
        get throws(LuaFleetError) {
            let mapping = try mapping
            return lfs_list_count(mapping.start, mapping.byteCount)
        }
    }

    /// - Throws: ``LuaFleetError`` with code `sharedObject` for an index outside.
    public func get(_ index: Int) throws(LuaFleetError) -> LuaValue {
        let (mapping, capacity) = try slot(index)
        var value = lfs_list_value()
        let bytes = [UInt8](unsafeUninitializedCapacity: capacity + 1) { buffer, count in
            let start = UnsafeMutableRawPointer(buffer.baseAddress!).assumingMemoryBound(to: CChar.self)  // not empty
            _ = lfs_list_read(mapping.start, mapping.byteCount, index, &value, start)
            count = Int(value.length)
        }
        switch Int(value.type) {
        case LFS_LIST_FALSE: return .boolean(false)
        case LFS_LIST_TRUE: return .boolean(true)
        case LFS_LIST_INTEGER: return .integer(Int64(bitPattern: value.number))
        case LFS_LIST_FLOAT: return .number(Double(bitPattern: value.number))
        case LFS_LIST_STRING: return .string(LuaString(bytes: bytes))
        default: return .nil
        }
    }

    /// - Throws: ``LuaFleetError`` with code `sharedObject` for an index outside, a string that is too long for the slot, a value of another kind.
    public func set(_ index: Int, _ value: LuaValue) throws(LuaFleetError) {
        let (mapping, capacity) = try slot(index)
        var stored = lfs_list_value()
        var bytes: [UInt8] = []
        switch value {
        case .nil, .null: stored.type = UInt32(LFS_LIST_NIL)
        case .boolean(let value): stored.type = UInt32(value ? LFS_LIST_TRUE : LFS_LIST_FALSE)
        case .integer(let value):
            stored.type = UInt32(LFS_LIST_INTEGER)
            stored.number = UInt64(bitPattern: value)
        case .number(let value):
            stored.type = UInt32(LFS_LIST_FLOAT)
            stored.number = value.bitPattern
        case .string(let value):
            guard value.count <= capacity else {
                throw .shared(
                    "\(self): a string of \(value.count) bytes has no place in slot \(index), which has room for \(capacity)"
                )
            }
            stored.type = UInt32(LFS_LIST_STRING)
            stored.length = UInt32(value.count)
            bytes = value.bytes
        default: throw .shared("\(self): a \(value.typeName) has no place in slot \(index)")
        }
        bytes.append(0)
        bytes.withUnsafeBufferPointer { buffer in
            buffer.withMemoryRebound(to: CChar.self) {
                _ = lfs_list_write(mapping.start, mapping.byteCount, index, &stored, $0.baseAddress!)  // not empty
            }
        }
    }

    private func slot(_ index: Int) throws(LuaFleetError) -> (SharedMapping, Int) {
        let mapping = try mapping
        let capacity = index < 0 ? -1 : lfs_list_capacity(mapping.start, mapping.byteCount, index)
        guard capacity >= 0 else {
            throw .shared(
                "\(self): index \(index) is outside of 0..<\(lfs_list_count(mapping.start, mapping.byteCount))")
        }
        return (mapping, capacity)
    }
}
