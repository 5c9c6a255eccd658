// What the chaos program is told on its command line.
import Foundation

struct Options {
    var seed: UInt64
    /// For all runs together; nil: as long as their sizes take.
    var minutes: Double?
    var runs: [ChaosRun]
    var isFull = false
    /// Of each run; nil: as the runs say.
    var wantedSize: Int?
    var faults: String?
    var judgesMemory = true

    static let usage = """
        chaos [--seed S] [--minutes M] [--run C1,C5] [--full | --size N] [--faults LIBRARY] [--any-memory]
          --minutes M   ends each run after its share of M minutes, whatever its size
          --full        the sizes of the plan: 10,000 kills, 1,200 hosts, 10,000 lying workers, ...
          --size N      the size of each run
          --faults L    the library that kills from within the worker (Scripts/chaos builds it); without it C3 and C4 are left out
          --any-memory  the host may grow: a sanitizer that watches it takes many times its memory

        """ + ChaosRun.all.map { "  \($0.name)  \($0.what): \($0.short), full \($0.full)" }.joined(separator: "\n")

    init(_ words: [String]) throws(Misuse) {
        seed = .random(in: 0...999_999_999)
        runs = ChaosRun.all
        var rest = words[...]
        func value(of option: String) throws(Misuse) -> String {
            guard let word = rest.popFirst() else { throw Misuse("\(option) wants a value") }
            return word
        }
        func number<T: LosslessStringConvertible & Comparable>(_ option: String, above least: T) throws(Misuse) -> T {
            let word = try value(of: option)
            guard let number = T(word), number > least else { throw Misuse("\(option) \(word): not a number") }
            return number
        }
        while let word = rest.popFirst() {
            switch word {
            case "--seed":
                let text = try value(of: word)
                guard let number = UInt64(text) else { throw Misuse("--seed \(text): not a number") }
                seed = number
            case "--minutes": minutes = try number(word, above: 0.0)
            case "--full": isFull = true
            case "--size": wantedSize = try number(word, above: 0)
            case "--faults": faults = try value(of: word)
            case "--any-memory": judgesMemory = false
            case "--run":
                runs = []
                for name in try value(of: word).split(separator: ",") {
                    guard let run = ChaosRun.all.first(where: { $0.name.lowercased() == name.lowercased() }) else {
                        throw Misuse("--run \(name): there are \(ChaosRun.all.map(\.name).joined(separator: ", "))")
                    }
                    runs.append(run)
                }
            default: throw Misuse("unknown argument '\(word)'\n\(Self.usage)")
            }
        }
        if faults == nil { runs.removeAll { $0.needsFaults } }
    }

    func size(of run: ChaosRun) -> Int { wantedSize ?? (isFull ? run.full : run.short) }

    /// For a process of its own that does one run.
    func words(for run: ChaosRun) -> [String] {
        var words = ["--only", "--seed", "\(seed)", "--run", run.name, "--size", "\(size(of: run))"]
        if let minutes { words += ["--minutes", "\(minutes / Double(runs.count))"] }
        if let faults { words += ["--faults", faults] }
        if !judgesMemory { words.append("--any-memory") }
        return words
    }
}

struct Misuse: Error {
    var message: String

    init(_ message: String) {
        self.message = message
    }
}
