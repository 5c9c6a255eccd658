-- The end of a pipeline (see producer.lua): sums up what comes, in the order in which it was produced.
local squares = fleet.Queue { name = "squares", capacity = 10 }
local sum, last = 0, 0
for square in squares:items() do
    assert(square > last, "out of order")
    sum, last = sum + square, square
end
print("the sum is " .. sum)
