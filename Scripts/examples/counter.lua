-- A counter that several processes share: nothing is lost, with one atomic addition or with a lock around two steps.
--
--   Scripts/luafleet run -j 4 Scripts/examples/counter.lua ::: a b c d
--
-- Each prints what it did; the last one to finish prints the totals.
local hits = fleet.Value { name = "hits", type = "i64" }
local total = fleet.Value { name = "total", type = "i64" }
local done = fleet.Value { name = "done", type = "i64" }

for i = 1, 1000 do
    hits:add(1)
    if i % 10 == 0 then
        total:with(function() -- reading and writing are two steps: together they need the value's lock
            total:set(total:get() + 10)
        end)
    end
end
print((...) .. " added 1000")
if done:add(1) == 4 then
    print("hits " .. hits:get() .. ", total " .. total:get())
end
