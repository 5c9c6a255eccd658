// Debian's Lua 5.4, as one header for C and Swift.
#ifndef CLUA_SHIM_H
#define CLUA_SHIM_H
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#endif
