// Entries of tables: `value["key"]`, `value[1]`, nested, to read and to assign.

extension LuaValue {
    /// The value of a key, if this is a table; nil for any other value, where Lua would raise an error.
    ///
    /// To assign to an entry of nil makes a table of it; of any other value that is no table, it does nothing.
    public subscript(key: LuaValue) -> LuaValue {
        get { table?[key] ?? .nil }
        _modify {
            var entry = LuaValue.nil
            switch self {
            case .table(var table):
                self = .nil  // so that the table is held once while it is changed
                defer { self = .table(table) }
                yield &table[key]
            case .nil:
                yield &entry
                if !entry.isNil {
                    var table = LuaTable()
                    table[key] = entry
                    self = .table(table)
                }
            default: yield &entry
            }
        }
    }

    /// The value at a position, from 1 as in Lua.
    public subscript(position: Int) -> LuaValue {
        get { self[LuaValue.integer(Int64(position))] }
        _modify { yield &self[LuaValue.integer(Int64(position))] }
    }

    /// The value of a string key.
    public subscript(name: String) -> LuaValue {
        get { self[LuaValue.string(LuaString(name))] }
        _modify { yield &self[LuaValue.string(LuaString(name))] }
    }
}
