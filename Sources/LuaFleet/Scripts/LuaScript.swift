// What a task runs: a piece of Lua and, if wanted, one of its functions.

/// A Lua script, or one function of it.
///
/// Without a function the whole chunk runs for every task, with the arguments as `...`. With one, the chunk runs once in each worker and
/// every task calls the function, which the chunk returns in a table or defines globally; dots make a path (`"stats.mean"`).
///
/// ```swift
/// let tasks = LuaScript.file("Scripts/tasks.lua")
/// let nine: Int = try await pool.call(tasks.function("square"), 3)
/// ```
///
/// A script is a value and thread-safe. Keep one instead of making it anew for each call: a file is read once for each value that `file(_:)` returns.
public struct LuaScript: Sendable, Hashable, CustomStringConvertible {
    let origin: Origin
    /// The function that tasks call, or nil for the chunk itself.
    public private(set) var functionName: String?

    /// Lua source in a string. `name` stands in messages and tracebacks; default `(source)`.
    public static func source(_ source: String, name: String = "(source)") -> LuaScript {
        LuaScript(origin: Origin(.source(Array(source.utf8), chunkName: "=" + name)))
    }

    /// A file, read when a task first needs it, relative to the current directory then. Compiled chunks (`luac`) are taken where the sandbox allows bytecode.
    public static func file(_ path: String) -> LuaScript {
        LuaScript(origin: Origin(.file(path)))
    }

    /// A module that workers find as `require` does, by `package.path`.
    public static func module(_ name: String) -> LuaScript {
        let quoted = name.map { $0 == "\"" || $0 == "\\" ? "\\\($0)" : String($0) }.joined()
        return LuaScript(origin: Origin(.source(Array("return require(\"\(quoted)\")".utf8), chunkName: "=" + name)))
    }

    /// A function that came from Lua, in a result or a table: with its variables (upvalues), as they were when it was sent.
    ///
    /// ```swift
    /// let add: LuaValue = try await pool.call(.source("local n = ... return function(x) return x + n end"), 10)
    /// guard case .function(let function) = add else { return }
    /// let sums: [Int] = try await pool.map(try .function(function), 1...100)
    /// ```
    ///
    /// - Throws: ``LuaFleetError`` with code `argumentLimit` when the function is over a cap.
    public static func function(_ function: LuaFunction) throws(LuaFleetError) -> LuaScript {
        do {
            return LuaScript(origin: Origin(.function(try LuaMessage.encode(arguments: [LuaValue.function(function)]))))
        } catch {
            throw .notSent(error, to: .source("", name: "(function)"))
        }
    }

    /// The function `name` of this script.
    public func function(_ name: String) -> LuaScript {
        var script = self
        script.functionName = name
        return script
    }

    /// The file's path, or the source's name.
    public var name: String { origin.name }

    public var description: String {
        functionName.map { "\(name):\($0)" } ?? name
    }

    public static func == (left: LuaScript, right: LuaScript) -> Bool {
        left.origin.kind == right.origin.kind && left.functionName == right.functionName
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(origin.name)
        hasher.combine(functionName)
    }
}
