-- Two processes talk over a duplex pipe: one makes it and hands its other end on through a queue.
--
--   Scripts/luafleet run -k -j 2 Scripts/examples/pipe.lua ::: ping pong
local meeting = fleet.Queue { name = "meeting" }

if ... == "ping" then
    local mine, yours = fleet.Pipe()
    meeting:put(yours)
    for n = 1, 3 do
        mine:send({ "ping", n })
        print(table.concat(mine:recv(), " "))
    end
    mine:close()
else
    local connection = meeting:get()
    while true do
        local message, why = connection:recv()
        if not message then -- the other end is closed
            print("the end: " .. why)
            break
        end
        connection:send({ "pong", message[2] * 10 })
    end
end
