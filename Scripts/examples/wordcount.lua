-- Counts the words of a file: map-reduce over files, each file in a process of its own.
--
--   Scripts/luafleet run -k Scripts/examples/wordcount.lua ::: /usr/share/common-licenses/*
--
-- prints a line for each file. The same as values, one JSON object a file:
--
--   Scripts/luafleet run --json-output --call count Scripts/examples/wordcount.lua ::: /usr/share/common-licenses/*
--
-- Map (a line for every word and file) and reduce (sum them up, show the ten most frequent):
--
--   Scripts/luafleet run --call tally Scripts/examples/wordcount.lua ::: /usr/share/common-licenses/* |
--       lua5.4 Scripts/examples/wordcount.lua --reduce 10
--
-- Plain Lua does it too, a file at a time: lua5.4 Scripts/examples/wordcount.lua FILE

-- A word: letters and the apostrophes inside it, in lower case. Other alphabets' bytes (128 and up) count as letters.
local WORD = "[%a\128-\255][%a\128-\255']*"

-- word -> how often, in one pass and a line at a time: a large file needs no more memory than its vocabulary.
local function frequencies(file)
    local handle, problem = io.open(file, "r")
    if not handle then
        error(problem, 0)
    end
    local found = {}
    for line in handle:lines() do
        for word in line:lower():gmatch(WORD) do
            found[word] = (found[word] or 0) + 1
        end
    end
    handle:close()
    return found
end

-- A sorted list of {word, times}: the most frequent first, those equally frequent in the order of the alphabet, so that the
-- output is the same every time although `pairs` has no order.
local function ranked(found)
    local list = {}
    for word, times in pairs(found) do
        list[#list + 1] = { word = word, times = times }
    end
    table.sort(list, function(a, b)
        if a.times ~= b.times then
            return a.times > b.times
        end
        return a.word < b.word
    end)
    return list
end

local function total(list)
    local sum = 0
    for _, entry in ipairs(list) do
        sum = sum + entry.times
    end
    return sum
end

local function top(list, n)
    local shown = {}
    for i = 1, math.min(n, #list) do
        shown[i] = list[i].word .. " " .. list[i].times
    end
    return table.concat(shown, ", ")
end

-- For --call: words, different words, the five most frequent.
function count(file)
    local list = ranked(frequencies(file))
    return total(list), #list, top(list, 5)
end

-- For --call: the map step, a line "times word" for every word.
function tally(file)
    for _, entry in ipairs(ranked(frequencies(file))) do
        print(entry.times, entry.word)
    end
end

-- The reduce step: the lines of `tally`, of all files, from standard input.
local function reduce(n)
    local found = {}
    for line in io.lines() do
        local times, word = line:match("^(%d+)\t(.+)$")
        if times then
            found[word] = (found[word] or 0) + math.tointeger(times)
        end
    end
    local list = ranked(found)
    print(("%d words, %d different"):format(total(list), #list))
    for i = 1, math.min(n, #list) do
        print(("%8d  %s"):format(list[i].times, list[i].word))
    end
end

local input, number = ...
if input == "--reduce" then
    reduce(math.tointeger(number) or 10)
elseif input then
    local words, different, frequent = count(input)
    print(("%-36s %6d words %5d different  %s"):format(input, words, different, frequent))
end
