// Functions and objects of registered types: values that Swift carries from Lua to Lua and cannot look into.

/// A Lua function that came with a message. Swift cannot call it, only send it to Lua again.
public struct LuaFunction: Sendable {
    package let graph: ValueGraph
    package let node: UInt32

    package init(graph: ValueGraph, node: UInt32) {
        self.graph = graph
        self.node = node
    }

    /// The name of a C function by its library, such as `string.format`; nil for a function written in Lua.
    public var libraryName: String? {
        guard graph.nodes[Int(node)].kind == .libraryFunction else { return nil }
        return graph.content(of: node, at: 0).string
    }
}

/// An object of a registered type that came with a message.
public struct LuaObject: Sendable {
    package let graph: ValueGraph
    package let node: UInt32

    package init(graph: ValueGraph, node: UInt32) {
        self.graph = graph
        self.node = node
    }

    /// The name under which its type is registered.
    public var typeName: String { graph.content(of: node, at: 0).string ?? "" }

    /// What its type's constructor makes it of.
    public var state: LuaValue { graph.content(of: node, at: 1) }
}

extension LuaFunction: Hashable {
    /// Whether both are the same function of the same message, or were written alike.
    public static func == (left: LuaFunction, right: LuaFunction) -> Bool {
        LuaValue.function(left) == LuaValue.function(right)
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(graph.nodes[Int(node)].kind == .libraryFunction)
    }
}

extension LuaObject: Hashable {
    /// Whether both are the same object of the same message, or have equal names and states.
    public static func == (left: LuaObject, right: LuaObject) -> Bool {
        LuaValue.object(left) == LuaValue.object(right)
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(typeName)
    }
}
