-- The first part of a pipeline: puts the numbers 1 to 20 into a queue.
--
--   Scripts/luafleet run -k Scripts/examples/producer.lua Scripts/examples/stage.lua Scripts/examples/consumer.lua
--
-- Three processes that know each other by nothing but the names of two queues. A queue holds ten items; who is faster waits.
local numbers = fleet.Queue { name = "numbers", capacity = 10 }
for n = 1, 20 do
    numbers:put(n)
end
numbers:close() -- the end of the stream for whoever reads it
print("produced 20 numbers")
