print("luafleet")
