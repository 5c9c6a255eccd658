-- A pool of workers with callbacks, in Lua alone: one script hands out jobs and is called back with each result, the others work.
--
--   Scripts/luafleet run -j 3 Scripts/examples/workers.lua ::: boss worker worker
--
-- A job is a function and an argument: functions travel by value, with the variables they use.
local jobs = fleet.JoinableQueue { name = "jobs" }
local results = fleet.Queue { name = "results" }

if ... == "worker" then
    for job in jobs:items() do
        local ok, value = pcall(job.work, job.argument)
        results:put({ number = job.number, ok = ok, value = value })
        jobs:task_done()
    end
    return
end

local callbacks = {}
local function submit(work, argument, callback)
    callbacks[#callbacks + 1] = callback
    jobs:put({ number = #callbacks, work = work, argument = argument })
end

local found, failed = {}, 0
local divisor = 3
for n = 1, 30 do
    submit(function(x)
        if x == 13 then
            error("not this one")
        end
        return x % divisor == 0 and x or 0
    end, n, function(ok, value)
        if not ok then
            failed = failed + 1
        elseif value > 0 then
            found[#found + 1] = value
        end
    end)
end
jobs:join() -- every job is done
for _ = 1, #callbacks do
    local result = results:get()
    callbacks[result.number](result.ok, result.value)
end
jobs:close()
table.sort(found)
print("multiples of 3: " .. table.concat(found, " "))
print(failed .. " failed")
