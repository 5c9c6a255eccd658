// Does the runs, each in a process of its own, and prints what came of them.
import CChaos
import Foundation

struct Table {
    let options: Options

    init(_ options: Options) {
        self.options = options
    }

    /// The exit status.
    func fill() -> Int32 {
        _ = chaos_adopt_orphans()
        print("seed \(options.seed)")
        print(row(["run", "what", "done", "tasks", "lost", "doubled", "zombies", "fds+", "hangs", "s", "note"]))
        var isClean = true
        for run in options.runs {
            let found = perform(run)
            print(
                row([
                    found.run, found.what, "\(found.done)", "\(found.tasks)", "\(found.lost)", "\(found.doubled)",
                    "\(found.zombies)", "\(found.descriptors)", "\(found.hangs)",
                    "\((found.seconds * 10).rounded() / 10)", found.note,
                ]))
            fflush(nil)
            for problem in found.problems { print("      \(problem)") }
            if !found.isClean {
                isClean = false
                print(
                    "      again: Scripts/chaos --seed \(options.seed) --run \(run.name) --size \(options.size(of: run))"
                )
            }
        }
        print(isClean ? "clean" : "NOT CLEAN (seed \(options.seed))")
        return isClean ? 0 : 1
    }

    private func row(_ cells: [String]) -> String {
        let widths = [-4, -44, 9, 9, 5, 8, 8, 5, 6, 7, 0]
        return zip(cells, widths).map { cell, width in
            let space = String(repeating: " ", count: max(0, abs(width) - cell.count))
            return width < 0 ? cell + space : width == 0 ? "  " + cell : space + cell
        }.joined()
    }

    private func perform(_ run: ChaosRun) -> Findings {
        let process = Process()
        let pipe = Pipe()
        process.executableURL = URL(fileURLWithPath: executablePath)
        process.arguments = options.words(for: run)
        process.standardOutput = pipe
        var found = Findings(run: run.name, what: run.what, seed: options.seed)
        do { try process.run() } catch {
            found.problems = ["\(error)"]
            return found
        }
        let output = (try? pipe.fileHandleForReading.readToEnd()) ?? Data()
        process.waitUntilExit()
        // A host that died, however it died, left no line.
        let line = output.split(separator: UInt8(ascii: "\n")).last ?? Data()
        if let said = try? JSONDecoder().decode(Findings.self, from: line) {
            found = said
        } else {
            let how = process.terminationReason == .uncaughtSignal ? "was killed by signal" : "exited with status"
            found.problems = ["the host \(how) \(process.terminationStatus)"]
        }
        // What it left behind is this process's child now.
        let isGone = until(20) { reapOrphans() == 0 }
        if !isGone {
            found.problems.append(
                "processes outlive the host: \(ProcessEntry.all().descendants(of: getpid()).map(\.pid))")
        }
        return found
    }

    private func until(_ seconds: Double, _ condition: () -> Bool) -> Bool {
        let end = Date() + seconds
        while Date() < end {
            if condition() { return true }
            usleep(5000)
        }
        return condition()
    }

    /// Children that are left.
    private func reapOrphans() -> Int {
        let children = ProcessEntry.all().children(of: getpid())
        for child in children where child.isZombie { waitpid(child.pid, nil, WNOHANG) }
        return children.count
    }
}
