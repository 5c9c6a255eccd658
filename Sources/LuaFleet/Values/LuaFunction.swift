// Functions and objects of registered types: values that Swift carries from Lua to Lua and cannot look into.

/// A Lua function that came with a message. Swift cannot call it, only send it to Lua again.
public struct LuaFunction: Sendable {
    package let graph: ValueGraph
    package let node: UInt32

    package init(graph: ValueGraph, node: UInt32) {
        self.graph = graph
        self.node = node
    }

    /// The name of a function of a library, such as `string.format`; nil for a function written in Lua.
    public var libraryName: String? {
        guard graph.nodes[Int(node)].kind == .libraryFunction else { return nil }
        return graph.content(of: node, at: 0).string
    }
}

/// An object that came with a message: of a registered type, or with a constructor of its own.
public struct LuaObject: Sendable {
    package let graph: ValueGraph
    package let node: UInt32

    package init(graph: ValueGraph, node: UInt32) {
        self.graph = graph
        self.node = node
    }

    /// The name under which its type is registered; nil for an object with a constructor of its own.
    public var typeName: String? { graph.content(of: node, at: 0).string }

    /// What the object is made of again: of a registered type its state, else the constructor's arguments.
    public var parts: [LuaValue] {
        (1..<max(1, Int(graph.nodes[Int(node)].arrayCount))).map { graph.content(of: node, at: $0) }
    }
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
    /// Whether both are the same object of the same message, or are made of equal parts.
    public static func == (left: LuaObject, right: LuaObject) -> Bool {
        LuaValue.object(left) == LuaValue.object(right)
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(typeName)
    }
}
