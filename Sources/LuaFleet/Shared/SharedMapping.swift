// Memory that the host made and workers map too.
import CFleetSystem
import Glibc
import LuaFleetCore
import LuaFleetWire

struct SharedMappingError: Error, CustomStringConvertible {
    var description: String
}

/// A memory file and its place in the host. It goes with the last who holds it; the workers' mappings keep the memory for them.
/// The memory is used by atomic operations, or as bytes that anybody may change.
package final class SharedMapping: @unchecked Sendable {  // immutable but for that memory
    let descriptor: Int32
    let layout: MappedLayout
    /// What the object has; behind it lies the object's lock.
    let byteCount: Int
    private let fileSize: Int
    let start: UnsafeMutableRawPointer

    /// `isLent`: all of it is lent, so that it needs no lock of its own.
    init(_ layout: MappedLayout, isLent: Bool = false) throws(SharedMappingError) {
        self.layout = layout
        byteCount = layout.count * layout.element.size
        fileSize = isLent ? byteCount : layout.lockOffset + MemoryLayout<lfs_lent_lock>.size
        descriptor = lfs_mapped_file(fileSize)
        guard descriptor >= 0 else {
            throw SharedMappingError(
                description: "no memory for \(byteCount) bytes: \(String(cString: strerror(-descriptor)))")
        }
        guard let start = lfs_map_memory(descriptor, fileSize) else {
            close(descriptor)
            throw SharedMappingError(description: "no room to map \(byteCount) bytes")
        }
        self.start = start
        if layout.kind == .value || layout.kind == .array, let why = writeInitial() {
            throw SharedMappingError(description: why)
        }
    }

    deinit {
        lfs_unmap(start, fileSize)
        close(descriptor)
    }

    var type: lfs_element { lfs_element(rawValue: layout.element.rawValue) }

    /// The values of `[name, type, value]` or `[name, type, length, [values]]`; or what is wrong with one.
    private func writeInitial() -> String? {
        layout.initial.bytes.withUnsafeBytes { bytes in
            do throws(ValueError) {
                var reader = try ValueReader(bytes)
                guard case .array(let count) = try reader.next() else { return nil }
                let skipped = layout.kind == .value ? 2 : 3
                guard count > skipped else { return nil }
                for _ in 0..<skipped { try reader.skip() }
                guard layout.kind == .array else { return try writeNext(&reader, at: 0) }
                guard case .array(let values) = try reader.next() else { return nil }
                for index in 0..<min(values, layout.count) {
                    if let why = try writeNext(&reader, at: index) { return why }
                }
                return nil
            } catch {
                return "\(error)"
            }
        }
    }

    private func writeNext(_ reader: inout ValueReader, at index: Int) throws(ValueError) -> String? {
        let place = start + index * layout.element.size
        let item = try reader.next()
        let isFloat = lfs_element_is_float(type)
        switch item {
        case .null: return nil
        case .boolean(let value) where layout.element == .bool: lfs_element_store(place, type, value ? 1 : 0)
        case .integer(let value) where isFloat:
            lfs_element_store(place, type, lfs_element_from_double(type, Double(value)))
        case .integer(let value) where layout.element != .bool && lfs_element_fits(type, value):
            lfs_element_store(place, type, UInt64(bitPattern: value))
        case .double(let value) where isFloat: lfs_element_store(place, type, lfs_element_from_double(type, value))
        case .double(let value):
            guard let integer = Int64(exactly: value), layout.element != .bool, lfs_element_fits(type, integer) else {
                return "\(value) has no place in a \(layout.element)"
            }
            lfs_element_store(place, type, UInt64(bitPattern: integer))
        case .integer(let value): return "\(value) has no place in a \(layout.element)"
        default: return "the value has no place in a \(layout.element)"
        }
        return nil
    }
}
