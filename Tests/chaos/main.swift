// The chaos program: kills, stops, lies and starves, and checks at the end that nothing is lost, nothing done twice, nothing left behind.
//   chaos [OPTION...]                     the runs, each in a process of its own, and a table (Options.swift)
//   chaos --only [OPTION...]              one run; prints what it found as a line of JSON
//   chaos --host STATE, chaos --canary    roles of processes that runs start
//   chaos --fork-server VERSION           a lying worker, as a pool starts it
import CChaos
import Foundation
import LuaFleet

let executablePath = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? "chaos"
var words = Array(CommandLine.arguments.dropFirst())

switch words.first {
case "--fork-server": lieAsForkServer()
case "--canary":
    // Not by a parent-death signal: the thread that started it may end long before its process does.
    let parent = getppid()
    while getppid() == parent { sleep(1) }
    exit(0)
case "--host": await playHost(state: words.count > 1 ? words[1] : "")
default: break
}

let isOneRun = words.first == "--only"
if isOneRun { words.removeFirst() }
let options: Options
do throws(Misuse) { options = try Options(words) } catch {
    FileHandle.standardError.write(Data("chaos: \(error.message)\n".utf8))
    exit(2)
}
if isOneRun {
    guard let run = options.runs.first else { exit(2) }
    // The runtime's own descriptors come with their first use, and stay.
    try? await Task.sleep(for: .milliseconds(1))
    let arena = Arena(run, options: options)
    let start = ContinuousClock.now
    do {
        try await run.run(arena)
    } catch {
        arena.problem("\(error)")
    }
    let time = ContinuousClock.now - start
    let found = arena.finish(
        after: Double(time.components.seconds) + Double(time.components.attoseconds) / 1e18,
        residentBefore: residentBefore.load(ordering: .relaxed))
    print(found)
    exit(found.isClean ? 0 : 1)
}
exit(Table(options).fill())
