// Shared numbers in Swift: one value, or an array of them, in memory that workers map.
import CFleetSystem
import LuaFleetCore
import LuaFleetWire

/// The type of a shared number.
public enum LuaElementType: String, Sendable, Hashable, CaseIterable {
    case i8, i16, i32, i64, u8, u16, u32, u64, f32, f64, bool
}

/// A Swift type that a shared number can be.
public protocol LuaElement: Sendable, Equatable {
    /// The type in memory.
    static var elementType: LuaElementType { get }
    /// The bits as they stand in memory, and back.
    init(elementBits bits: UInt64)
    var elementBits: UInt64 { get }
    /// As Lua has it.
    var luaValue: LuaValue { get }
}

extension LuaElement where Self: FixedWidthInteger {
    public init(elementBits bits: UInt64) { self = Self(truncatingIfNeeded: bits) }
    public var elementBits: UInt64 { UInt64(truncatingIfNeeded: self) }
    public var luaValue: LuaValue { .integer(Int64(truncatingIfNeeded: self)) }
}

extension Int8: LuaElement { public static var elementType: LuaElementType { .i8 } }
extension Int16: LuaElement { public static var elementType: LuaElementType { .i16 } }
extension Int32: LuaElement { public static var elementType: LuaElementType { .i32 } }
extension Int64: LuaElement { public static var elementType: LuaElementType { .i64 } }
extension Int: LuaElement { public static var elementType: LuaElementType { .i64 } }
extension UInt8: LuaElement { public static var elementType: LuaElementType { .u8 } }
extension UInt16: LuaElement { public static var elementType: LuaElementType { .u16 } }
extension UInt32: LuaElement { public static var elementType: LuaElementType { .u32 } }
extension UInt64: LuaElement { public static var elementType: LuaElementType { .u64 } }
extension Float: LuaElement {
    public static var elementType: LuaElementType { .f32 }
    public init(elementBits bits: UInt64) { self.init(bitPattern: UInt32(truncatingIfNeeded: bits)) }
    public var elementBits: UInt64 { UInt64(bitPattern) }
    public var luaValue: LuaValue { .number(Double(self)) }
}
extension Double: LuaElement {
    public static var elementType: LuaElementType { .f64 }
    public init(elementBits bits: UInt64) { self.init(bitPattern: bits) }
    public var elementBits: UInt64 { bitPattern }
    public var luaValue: LuaValue { .number(self) }
}
extension Bool: LuaElement {
    public static var elementType: LuaElementType { .bool }
    public init(elementBits bits: UInt64) { self = bits != 0 }
    public var elementBits: UInt64 { self ? 1 : 0 }
    public var luaValue: LuaValue { .boolean(self) }
}

/// One element in mapped memory.
struct ElementPlace {
    let mapping: SharedMapping
    let index: Int

    private var address: UnsafeMutableRawPointer { mapping.start + index * mapping.layout.element.size }

    func load<T: LuaElement>(_: T.Type) -> T { T(elementBits: lfs_element_load(address, mapping.type)) }
    func store(_ value: some LuaElement) { lfs_element_store(address, mapping.type, value.elementBits) }

    /// Whether it was `expected` and is `value` now.
    func exchange<T: LuaElement>(_ expected: T, _ value: T) -> Bool {
        var bits = expected.elementBits
        return lfs_element_exchange(address, mapping.type, &bits, value.elementBits)
    }

    func add<T: LuaElement & FixedWidthInteger>(_ amount: T) -> T? {
        var sum: Int64 = 0
        guard lfs_element_add(address, mapping.type, Int64(truncatingIfNeeded: amount), &sum) else { return nil }
        return T(truncatingIfNeeded: sum)
    }

    func add<T: LuaElement & BinaryFloatingPoint>(_ amount: T) -> T {
        T(lfs_element_add_double(address, mapping.type, Double(amount)))
    }
}

extension LuaSharedObject {
    /// The memory of an object; the host has it mapped as long as the object is there.
    var mapping: SharedMapping {
        get throws(LuaFleetError) {
            guard let mapping = handle.reference?.mapping else {
                throw .shared("\(self): its memory is gone")
            }
            return mapping
        }
    }

    func check<T: LuaElement>(_: T.Type, in mapping: SharedMapping) throws(LuaFleetError) {
        guard T.elementType.rawValue == mapping.layout.element.name else {
            throw .shared("\(self): it holds \(mapping.layout.element), not \(T.elementType)")
        }
    }
}

/// A number in memory that the host and all workers share: `multiprocessing.Value`. Every operation is atomic; the lock is for more than one.
public struct SharedValue<Element: LuaElement>: LuaAcquirable {
    public let handle: LuaHandle

    /// - Throws: ``LuaFleetError`` with code `sharedObject` also when it holds another type.
    public init(_ handle: LuaHandle) throws(LuaFleetError) {
        self.handle = try handle.checked(.value)
        try check(Element.self, in: try mapping)
    }

    /// - Parameter value: what it is at first. With a name: only if it is not there yet.
    public init(_ value: Element, name: String? = nil) throws(LuaFleetError) {
        handle = try Self.create(
            .value,
            try Self.creation(name, [.string(LuaString(Element.elementType.rawValue)), value.luaValue]))[0]
    }

    public func get() throws(LuaFleetError) -> Element {
        ElementPlace(mapping: try mapping, index: 0).load(Element.self)
    }
    public func set(_ value: Element) throws(LuaFleetError) {
        ElementPlace(mapping: try mapping, index: 0).store(value)
    }

    /// Sets it to `value` if it is `expected`. False: it is not.
    public func compareAndSet(_ expected: Element, _ value: Element) throws(LuaFleetError) -> Bool {
        ElementPlace(mapping: try mapping, index: 0).exchange(expected, value)
    }
}

extension SharedValue where Element: FixedWidthInteger {
    /// Adds and returns the sum.
    ///
    /// - Throws: ``LuaFleetError`` with code `sharedObject` when the sum has no place in fewer than 64 bits; 64 wrap around, as in Lua.
    @discardableResult
    public func add(_ amount: Element) throws(LuaFleetError) -> Element {
        guard let sum: Element = ElementPlace(mapping: try mapping, index: 0).add(amount) else {
            throw .shared("\(self): the sum has no place in a \(Element.elementType)")
        }
        return sum
    }
}

extension SharedValue where Element: BinaryFloatingPoint {
    /// Adds and returns the sum.
    @discardableResult
    public func add(_ amount: Element) throws(LuaFleetError) -> Element {
        ElementPlace(mapping: try mapping, index: 0).add(amount)
    }
}

/// Numbers in memory that the host and all workers share: `multiprocessing.Array`. Indices are from 0 in Swift, from 1 in Lua.
public struct SharedArray<Element: LuaElement>: LuaAcquirable {
    public let handle: LuaHandle

    /// - Throws: ``LuaFleetError`` with code `sharedObject` also when it holds another type.
    public init(_ handle: LuaHandle) throws(LuaFleetError) {
        self.handle = try handle.checked(.array)
        try check(Element.self, in: try mapping)
    }

    /// Zeros.
    ///
    /// - Parameter count: at least 1.
    public init(count: Int, name: String? = nil) throws(LuaFleetError) {
        handle = try Self.create(
            .array, try Self.creation(name, [.string(LuaString(Element.elementType.rawValue)), .integer(Int64(count))]))[
                0]
    }

    /// These elements, at least one.
    public init(_ elements: [Element], name: String? = nil) throws(LuaFleetError) {
        handle = try Self.create(
            .array,
            try Self.creation(
                name,
                [
                    .string(LuaString(Element.elementType.rawValue)), .integer(Int64(elements.count)),
                    LuaValue(elements.map(\.luaValue)),
                ]))[0]
    }

    public var count: Int { get throws(LuaFleetError) { try mapping.layout.count } }

    private func place(_ index: Int) throws(LuaFleetError) -> ElementPlace {
        let mapping = try mapping
        guard index >= 0, index < mapping.layout.count else {
            throw .shared("\(self): index \(index) is outside of 0..<\(mapping.layout.count)")
        }
        return ElementPlace(mapping: mapping, index: index)
    }

    public func get(_ index: Int) throws(LuaFleetError) -> Element { try place(index).load(Element.self) }
    public func set(_ index: Int, _ value: Element) throws(LuaFleetError) { try place(index).store(value) }

    /// Sets an element to `value` if it is `expected`. False: it is not.
    public func compareAndSet(_ index: Int, _ expected: Element, _ value: Element) throws(LuaFleetError) -> Bool {
        try place(index).exchange(expected, value)
    }

    /// Every element, each read atomically. O(n).
    public var elements: [Element] {
        get throws(LuaFleetError) {
            let mapping = try mapping
            return (0..<mapping.layout.count).map { ElementPlace(mapping: mapping, index: $0).load(Element.self) }
        }
    }
}

extension SharedArray where Element: FixedWidthInteger {
    /// As ``SharedValue/add(_:)``.
    @discardableResult
    public func add(_ index: Int, _ amount: Element) throws(LuaFleetError) -> Element {
        guard let sum: Element = try place(index).add(amount) else {
            throw .shared("\(self): the sum has no place in a \(Element.elementType)")
        }
        return sum
    }
}

extension SharedArray where Element: BinaryFloatingPoint {
    /// As ``SharedValue/add(_:)``.
    @discardableResult
    public func add(_ index: Int, _ amount: Element) throws(LuaFleetError) -> Element { try place(index).add(amount) }
}
