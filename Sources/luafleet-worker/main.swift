// The worker executable: all of it is in LuaFleetWorker.
import LuaFleetWorker

runWorkerProgram(arguments: CommandLine.arguments)
