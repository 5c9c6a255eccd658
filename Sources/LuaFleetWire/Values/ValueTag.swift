// The numbers of ValuesOnTheWire.

/// The tags a message may contain; any other is an error.
package enum ValueTag {
    /// Around a table that is met again later in the message.
    @inlinable package static var shared: UInt64 { 28 }
    /// A table that was met before, by its number.
    @inlinable package static var reference: UInt64 { 29 }
    /// Around the map of the other keys; only as the last item of an array that is a table.
    @inlinable package static var mixed: UInt64 { 61920 }
    /// A handle of a shared object: `[kind, id]`.
    @inlinable package static var handle: UInt64 { 61921 }
    /// A Lua function by value: `[bytecode, variable, …]`, each variable `[value]` or the number of one that was met before.
    @inlinable package static var function: UInt64 { 61922 }
    /// A function or table of a library by its name.
    @inlinable package static var libraryFunction: UInt64 { 61923 }
    /// An object of a registered type: `[name, state]`; or of one with a constructor: `[function, argument, …]`.
    @inlinable package static var object: UInt64 { 61924 }
}

/// The first three bits of an item's first byte.
package enum ValueMajor {
    @inlinable package static var unsigned: UInt8 { 0x00 }
    @inlinable package static var negative: UInt8 { 0x20 }
    @inlinable package static var bytes: UInt8 { 0x40 }
    @inlinable package static var text: UInt8 { 0x60 }
    @inlinable package static var array: UInt8 { 0x80 }
    @inlinable package static var map: UInt8 { 0xa0 }
    @inlinable package static var tag: UInt8 { 0xc0 }
}

/// Items of one byte.
package enum ValueByte {
    @inlinable package static var `false`: UInt8 { 0xf4 }
    @inlinable package static var `true`: UInt8 { 0xf5 }
    /// Lua's nil.
    @inlinable package static var null: UInt8 { 0xf6 }
    /// fleet.null.
    @inlinable package static var undefined: UInt8 { 0xf7 }
    @inlinable package static var double: UInt8 { 0xfb }
    @inlinable package static var emptyArray: UInt8 { 0x80 }
    @inlinable package static var openArray: UInt8 { 0x9f }
    @inlinable package static var openMap: UInt8 { 0xbf }
    @inlinable package static var end: UInt8 { 0xff }
}
