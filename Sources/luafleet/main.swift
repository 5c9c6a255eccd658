// The program: arguments in, exit status out.
import Glibc
import LuaFleet

// A file that may grow no further (setrlimit(2), RLIMIT_FSIZE) is an error with a line, as a full disk is. Workers do not inherit it.
signal(SIGXFSZ, SIG_IGN)
// The worker's start-up runs beside our own: half of the time of a short run, so it comes first. What is wrong with it, the pool will say.
if CommandLine.argc > 1, let command = CommandLine.unsafeArgv[1], strcmp(command, "run") == 0 {
    SpawnedServer.spawnAhead()
}
let arguments = rawArguments()
// Not `await` here: the main thread of an async main ends itself (dispatch_main), and the unwinding that goes with it takes 15 ms in a
// statically linked program.
CommandLineTool.begin(arguments)
ProgramSignals.serve()

/// Without the program's name; bytes, as the system has them: `CommandLine.arguments` would repair them.
func rawArguments() -> [Bytes] {
    (1..<max(1, Int(CommandLine.argc))).compactMap { index in
        CommandLine.unsafeArgv[index].map { Bytes(UnsafeRawBufferPointer(start: $0, count: strlen($0))) }
    }
}
