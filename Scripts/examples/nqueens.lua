-- In how many ways n queens fit on an n × n board so that none attacks another: a function for --call, bound by the processor.
--
--   Scripts/luafleet run -k --call solutions Scripts/examples/nqueens.lua ::: 4 5 6 7 8 9 10
--
-- prints n and the number for each board. One board spread over all processors, a task for every place of the first queen
-- (two sources: every task gets a value of each), and added up:
--
--   Scripts/luafleet run --call with_first_at Scripts/examples/nqueens.lua ::: 11 ::: {1..11} | awk '{ n += $1 } END { print n }'
--
-- Plain Lua: lua5.4 Scripts/examples/nqueens.lua 8

-- Columns and both diagonals that are under attack, as bits: the diagonals shift by one from row to row.
local function place(all, columns, left, right)
    if columns == all then
        return 1
    end
    local found = 0
    local free = all & ~(columns | left | right)
    while free ~= 0 do
        local queen = free & -free
        free = free ~ queen
        found = found + place(all, columns | queen, (left | queen) << 1, (right | queen) >> 1)
    end
    return found
end

-- Inputs of the command line are strings. Up to 20: above, it would take years.
local function board(n)
    local size = math.tointeger(tonumber(n))
    if not size or size < 1 or size > 20 then
        error(("a board has 1 to 20 rows, not %q"):format(n), 0)
    end
    return size
end

function solutions(n)
    local size = board(n)
    return size, place((1 << size) - 1, 0, 0, 0)
end

function with_first_at(n, column)
    local size = board(n)
    local first = math.tointeger(tonumber(column))
    if not first or first < 1 or first > size then
        error(("a board of %d rows has no column %q"):format(size, column), 0)
    end
    local queen = 1 << (first - 1)
    return place((1 << size) - 1, queen, queen << 1, queen >> 1)
end

if ... then
    print(solutions((...)))
end
