// Entries of tables: `value["key"]`, `value[1]`, nested, to read and to assign.

extension LuaValue {
    /// The value of a key, if this is a table; nil for any other value, where Lua would raise an error.
    ///
    /// To assign to an entry of nil makes a table of it; of any other value that is no table, it does nothing.
    public subscript(key: LuaValue) -> LuaValue {
        get { table?[key] ?? .nil }
        _modify {
            if var table = takeTable() {
                defer { self = .table(table) }
                yield &table[key]
            } else {
                var entry = LuaValue.nil
                defer {
                    if isNil, !entry.isNil { self = .table(LuaTable(entries: [(key, entry)])) }
                }
                yield &entry
            }
        }
    }

    /// The table, which this value then does not hold any more: so it is held once while it is changed.
    private mutating func takeTable() -> LuaTable? {
        guard case .table(let table) = self else { return nil }
        self = .nil
        return table
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
