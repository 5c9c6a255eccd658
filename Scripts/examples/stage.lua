-- The middle of a pipeline (see producer.lua): squares what comes in one queue and puts it into the next.
local numbers = fleet.Queue { name = "numbers", capacity = 10 }
local squares = fleet.Queue { name = "squares", capacity = 10 }
local count = 0
for n in numbers:items() do
    squares:put(n * n)
    count = count + 1
end
squares:close()
print("squared " .. count .. " numbers")
