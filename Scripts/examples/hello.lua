-- The smallest script: says hello to its input, or to the world.
--
--   Scripts/luafleet run Scripts/examples/hello.lua
--   Scripts/luafleet run -k Scripts/examples/hello.lua ::: Ada Grace "Edsger W."

local name = ...
print("hello, " .. (name or "world"))
