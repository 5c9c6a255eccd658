// The release, as `luafleet --version` prints it.
import LuaFleetWire

let luaFleetVersion = releaseVersion
