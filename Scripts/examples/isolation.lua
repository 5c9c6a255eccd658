-- What process isolation is: a task that changes everything a Lua state shares, and tells what it found and what it left.
--
--   Scripts/luafleet run -k Scripts/examples/isolation.lua ::: red green blue
--
-- every task has a process of its own and finds nothing of the others. The same script where tasks share their worker's state:
--
--   Scripts/luafleet run -k -j 1 --isolation shared Scripts/examples/isolation.lua ::: red green blue
--
-- `luafleet demo isolation` runs it, too. Plain Lua: lua5.4 Scripts/examples/isolation.lua red

local me = (...) or "nobody"

-- Everything that is shared by all code in one Lua state, read under names that nobody else uses.
local function traces()
    local seen = {}
    seen[#seen + 1] = rawget(_G, "isolation_owner") and "a global of " .. isolation_owner
    seen[#seen + 1] = package.loaded.isolation_owner and "a module of " .. package.loaded.isolation_owner.name
    seen[#seen + 1] = ("").isolation_owner and "a string method of " .. ("").isolation_owner()
    return #seen > 0 and table.concat(seen, ", ") or "nothing"
end

-- The process that this state lives in; Linux tells it to anybody who asks.
local function process()
    local stat = io.open("/proc/self/stat")
    local pid = stat and stat:read("n")
    if stat then
        stat:close()
    end
    return pid or "?"
end

local found = traces()

isolation_owner = me
package.loaded.isolation_owner = { name = me }
getmetatable("").__index.isolation_owner = function()
    return me
end
-- The same name gives the same number wherever it runs; another task's seed in this state would change the next one.
math.randomseed(#me, me:byte(1, 1) or 0)
local number = math.random(1000)

print(("%s: process %s found %s; left %s; random number %d"):format(me, process(), found, traces(), number))
