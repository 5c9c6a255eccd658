// The program: arguments in, exit status out.
import Glibc

exit(await CommandLineTool.status(ofRunning: rawArguments()))

/// Without the program's name; bytes, as the system has them: `CommandLine.arguments` would repair them.
func rawArguments() -> [Bytes] {
    (1..<max(1, Int(CommandLine.argc))).compactMap { index in
        CommandLine.unsafeArgv[index].map { Bytes(UnsafeRawBufferPointer(start: $0, count: strlen($0))) }
    }
}
