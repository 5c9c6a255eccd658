-- A dictionary that several processes share, with Lua's own syntax: what one writes the others read, nested tables too.
--
--   Scripts/luafleet run -j 3 Scripts/examples/dictionary.lua ::: "the cat" "the dog" "a dog and a cat"
--
-- The last one to finish prints what is in it.
local words = fleet.Dictionary { name = "words" }
local state = fleet.Dictionary { name = "state" }
state:update("lists", function(lists)
    return lists or {} -- a table that is put into a shared table is shared, too
end)

local text = ...
for word in text:gmatch("%a+") do
    words:update(word, function(times) -- nobody comes between reading and writing
        return (times or 0) + 1
    end)
end
state.lists[text] = #text

if state:update("done", function(n) return (n or 0) + 1 end) == 3 then
    local lines = {}
    for word, times in pairs(words) do
        lines[#lines + 1] = word .. " " .. times
    end
    for sentence, length in pairs(state.lists) do
        lines[#lines + 1] = ("%q has %d characters"):format(sentence, length)
    end
    table.sort(lines)
    print(table.concat(lines, "\n"))
end
