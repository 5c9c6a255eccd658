// What a script notes line by line, for tests that compare all of it at once.
import LuaFleet

/// Runs a script in a worker. What it gives to `text(…)` becomes a line each: values as `tostring` writes them, without the place of an error and with the numbers of objects as #N.
func transcript(_ script: String) async throws -> String {
    let head = """
        local out = {}
        local function text(...)
            local t = table.pack(...)
            for i = 1, t.n do t[i] = tostring(t[i]):gsub("^%(source%):%d+: ", ""):gsub("#%d+", "#N") end
            out[#out + 1] = table.concat(t, " ", 1, t.n)
        end

        """
    return try await withPool(1) { pool in
        try await pool.call(.source(head + script + "\nreturn table.concat(out, '\\n')"))
    }
}
