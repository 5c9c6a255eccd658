// The worker program: what its arguments mean.
import Glibc
import LuaFleetWire

/// Runs the worker program and never returns. `luafleet-worker --fork-server VERSION` is what a host of that
/// protocol version starts, with the control socket as fd 3.
public func runWorkerProgram(arguments: [String]) -> Never {
    switch arguments.dropFirst().first {
    case "--fork-server":
        var server = ForkServer(control: 3)
        if arguments.count == 5, arguments[3] == ForkServer.resumeOption, let file = Int32(arguments[4]) {
            server.resume(from: file)
        }
        server.run(hostVersion: arguments.dropFirst(2).first.flatMap { UInt32($0) })
    case SpawnedWorker.option:
        SpawnedWorker.run(arguments: arguments.dropFirst(2))
    case "--version":
        print("luafleet-worker \(releaseVersion) (protocol \(protocolVersion))")
        exit(0)
    default:
        let line = "luafleet-worker: started by LuaFleet's host, not by hand; to run scripts: luafleet run SCRIPT\n"
        _ = line.utf8.withContiguousStorageIfAvailable { write(2, $0.baseAddress, $0.count) }
        exit(WorkerStatus.usage)
    }
}
