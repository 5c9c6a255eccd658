// What all encoders and containers of one value share: the bytes, and which containers are open.

import LuaFleetWire

/// Writes one value that encodes itself. Not thread-safe; used within one call of ``WireEncoding/encode(_:into:depth:)``.
///
/// Bytes go out as they come: a container is opened with a head of unknown length and closed when its value has been encoded, or when
/// something is written to the container around it. Writing to a closed one is allowed, and moves bytes.
final class WireEncoderState {
    struct Frame {
        /// Which container; 0: an array or dictionary that is written at once.
        let serial: UInt32
        /// Which encoder asked for it.
        let owner: UInt32
        let isMap: Bool
    }

    /// A container that was closed and may still be written to.
    struct Suspended {
        let owner: UInt32
        let isMap: Bool
        /// Where its end byte stands.
        var end: Int
    }

    // Used by one thread, and never while they are being changed: checking that at run time would cost a quarter of the time.
    @exclusivity(unchecked) var writer = ValueWriter.placeholder()
    @exclusivity(unchecked) var stack: [Frame] = []
    var suspended: [UInt32: Suspended] = [:]
    @exclusivity(unchecked) private var nextSerial: UInt32 = 1
    /// Where values begin that will be moved when they are written.
    private var moving: [Int] = []
    @exclusivity(unchecked) private var kinds = WireKindCache()
    /// Levels of tables around the value.
    let depth: Int

    init(depth: Int) {
        self.depth = depth
    }

    /// A number no container and no encoder has.
    func newSerial() -> UInt32 {
        defer { nextSerial &+= 1 }
        return nextSerial
    }

    /// Closes containers until `count` are open.
    func close(to count: Int) {
        while stack.count > count {
            if stack.removeLast().serial != 0 { writer.byte(ValueByte.end) }
        }
    }

    /// Closes the containers above `count`, which may be written to again.
    private func suspend(to count: Int) throws {
        while stack.count > count {
            let frame = stack.removeLast()
            guard frame.serial != 0 else { throw outOfOrder() }
            suspended[frame.serial] = Suspended(owner: frame.owner, isMap: frame.isMap, end: writer.count)
            writer.byte(ValueByte.end)
        }
    }

    /// Whether a container is the innermost.
    @inline(__always) func isCurrent(_ container: WireContainer) -> Bool {
        stack.count == container.depth + 1 && stack[container.depth].serial == container.serial
    }

    /// Lets `body` write a key and a value into a container that is not the innermost.
    @inline(never) func place(in container: WireContainer, _ body: () throws -> Void) throws {
        if container.depth < stack.count, stack[container.depth].serial == container.serial {
            try suspend(to: container.depth + 1)
            return try body()
        }
        guard container.serial != 0, let end = suspended[container.serial]?.end else { throw outOfOrder() }
        let base = stack.count
        let shared = writer.sharing.count
        moving.append(writer.count)
        try body()
        close(to: base)
        let start = moving.removeLast()
        let length = writer.count - start
        // Numbers of shared tables follow their order in the message, so none may be moved, or be moved over.
        guard shared == writer.sharing.count, shared == 0 else { throw outOfOrder() }
        guard !writer.isOverLimit, end <= start else { return }
        writer.rotate(from: end, middle: start)
        for key in suspended.keys {
            guard var other = suspended[key], other.end >= end else { continue }
            other.end += other.end >= start ? end - start : length
            suspended[key] = other
        }
        for index in moving.indices where moving[index] >= end { moving[index] += length }
    }

    private func outOfOrder() -> EncodingError {
        EncodingError.invalidValue(
            0, .init(codingPath: [], debugDescription: "a container was written to after the value around it had ended")
        )
    }

    /// Encodes any value where the writer stands.
    @inline(__always) func encode<T: Encodable>(
        _ value: T, path: @autoclosure () -> WirePath?
    ) throws {
        if try WireScalar.encode(value, into: &writer, path: path(), depth: depth &+ stack.count) { return }
        try encodeOther(value, path: path())
    }

    @inline(never) func encodeOther<T: Encodable>(_ value: T, path: WirePath?) throws {
        let kind = kinds.kind(of: T.self)
        switch kind.category {
        case .table:
            guard let table = value as? LuaTable else { return }
            try LuaValue.table(table).encode(into: &writer, depth: depth + stack.count)
        case .bytes:
            guard let bytes = value as? any RangeReplaceableCollection<UInt8> else { return }
            encode(bytes: bytes)
        case .date:
            let start = writer.count
            try encodeItself(value, path: path)
            writer.addToDouble(at: start, WireDate.offset)
        case .other:
            if let direct = kind.encodable {
                try withUnsafePointer(to: value) { try direct.encode(at: $0, to: self, path: path) }
            } else {
                try encodeItself(value, path: path)
            }
        }
    }

    private func encodeItself<T: Encodable>(_ value: T, path: WirePath?) throws {
        let base = stack.count
        let start = writer.count
        try value.encode(to: WireEncoder(state: self, path: path, base: base, owner: newSerial()))
        if stack.count != base { close(to: base) }
        if writer.count == start {
            writer.elements &+= 1
            writer.byte(ValueByte.emptyArray)  // it asked for no container
        }
    }

    private func encode(bytes: some Collection<UInt8>) {
        writer.elements &+= 1
        if bytes.withContiguousStorageIfAvailable({ writer.string(UnsafeRawBufferPointer($0)) }) == nil {
            writer.string([UInt8](bytes))
        }
    }
}

/// Foundation's `Date` on the wire: seconds since 1970 in UTC, as Lua's `os.time` counts, with fractions.
enum WireDate {
    /// `Date` encodes itself as seconds since 2001; this is 2001 in seconds since 1970.
    static let offset = 978_307_200.0
}

/// A container of a value: where it is on the stack, and its number.
struct WireContainer {
    private let place: UInt32
    let serial: UInt32

    init(depth: Int, serial: UInt32) {
        place = UInt32(truncatingIfNeeded: depth)
        self.serial = serial
    }

    var depth: Int { Int(place) }
}
