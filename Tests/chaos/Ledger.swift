// Who was submitted, started and completed, and how often: the books of a run.
import Foundation
import LuaFleet
import Synchronization

/// Starts are counted by the tasks themselves, in a file that they append to: nobody in between can forget one.
final class Ledger: Sendable {
    private struct Entry {
        var retries: Int
        var completions = 0
        var isRight = false
    }

    struct Balance {
        var tasks = 0
        var right = 0
        /// Never completed.
        var lost = 0
        /// Completed more than once, or started more often than allowed.
        var doubled = 0
    }

    let startsPath: String
    private let entries = Mutex<[Entry]>([])

    init() {
        var template = Array("/tmp/luafleet-chaos-XXXXXX".utf8CString)
        let file = mkstemp(&template)
        precondition(file >= 0, "no file in /tmp")
        close(file)
        startsPath = template.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }  // not empty
    }

    deinit {
        unlink(startsPath)
    }

    /// The beginning of a script whose first argument is its number here: it says that it has started.
    var lua: String {
        """
        local id = ...
        local starts = fleet.state.starts
        if not starts then
            starts = assert(io.open('\(startsPath)', 'a'))
            starts:setvbuf('no')
            fleet.state.starts = starts
        end
        assert(starts:write(id .. '\\n'))

        """
    }

    func submit(retries: Int = 0) -> Int {
        entries.withLock {
            $0.append(Entry(retries: retries))
            return $0.count - 1
        }
    }

    func completed(_ id: Int, isRight: Bool) {
        entries.withLock {
            $0[id].completions += 1
            $0[id].isRight = isRight
        }
    }

    /// At the end, when nothing is on its way any more.
    func balance(_ problem: (String) -> Void) -> Balance {
        var starts: [Int: Int] = [:]
        for line in ((try? String(contentsOfFile: startsPath, encoding: .utf8)) ?? "").split(separator: "\n") {
            guard let id = Int(line) else {
                problem("a start that makes no sense: \(line)")
                continue
            }
            starts[id, default: 0] += 1
        }
        return entries.withLock { entries in
            var balance = Balance(tasks: entries.count)
            for (id, entry) in entries.enumerated() {
                let started = starts[id] ?? 0
                if entry.completions == 0 { balance.lost += 1 }
                if entry.completions > 1 || started > 1 + entry.retries { balance.doubled += 1 }
                if entry.isRight { balance.right += 1 }
                if entry.isRight && started == 0 { problem("task \(id) returned without having started") }
            }
            return balance
        }
    }
}
