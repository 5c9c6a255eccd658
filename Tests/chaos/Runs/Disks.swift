// C8's full disks: `luafleet run` on a file system of some KiB, files that may grow no further, memory files without room.
import CFleetSystem
import Foundation

/// A run of the command line that has too little room, and then the same one again with enough.
private struct DiskCell {
    enum Room: String, CaseIterable {
        /// A tmpfs of a few KiB, mounted where nobody else sees it.
        case bytes
        /// A tmpfs of a few files.
        case files
        /// RLIMIT_FSIZE: for those who may mount nothing.
        case fileSize
    }

    enum Target: String, CaseIterable {
        case folder = "results"
        case lines = "results.jsonl"
        case table = "results.csv"
        case output = "out"
    }

    var room: Room
    var target: Target
    var tasks: Int
    /// Bytes of each task's output.
    var size: Int
    /// KiB, or files.
    var limit: Int

    var name: String { "\(tasks) tasks of \(size) bytes to \(target.rawValue) with \(limit) \(room.rawValue)" }
}

/// Commands for one shell: $1 is a folder to work in, $2 the command line program.
extension DiskCell {
    private var run: String {
        let (keep, output) =
            target == .output ? ("", ">>disk/out") : ("--results disk/\(target.rawValue)", ">/dev/null")
        return "\"$2\" run -j 3 --joblog disk/log \(keep) $resume t.lua ::: $(seq \(tasks)) \(output)"
    }

    var script: String {
        let (first, second) = (
            "resume=; \(run) 2>errors1; echo $? >status1", "resume=--resume; \(run) 2>errors2; echo $? >status2"
        )
        let copy = "cp -a disk kept1 || exit 91"
        let begin = "cd \"$1\" && mkdir disk || exit 92"
        switch room {
        case .fileSize:
            // In units of 512 bytes.
            return "\(begin); (ulimit -f \(limit * 2); \(first)); \(copy); \(second)"
        case .bytes, .files:
            let (little, much) =
                room == .bytes ? ("size=\(limit)k", "size=64m") : ("nr_inodes=\(limit)", "nr_inodes=100000")
            return """
                \(begin); mount -t tmpfs -o \(little) none disk || exit 90
                \(first); \(copy)
                mount -o remount,\(much) none disk || exit 93
                \(second); cp -a disk kept2 || exit 91
                """
        }
    }

    /// What task `number` prints.
    func line(_ number: Int) -> String { "<\(number):" + String(repeating: "x", count: size) + "\n" }

    /// The tasks whose output stands there whole.
    func whole(in folder: String) -> Set<Int> {
        func text(_ name: String) -> String {
            String(decoding: FileManager.default.contents(atPath: "\(folder)/\(name)") ?? Data(), as: UTF8.self)
        }
        let all = Array(1...tasks)
        switch target {
        case .folder:
            return Set(
                all.filter { text("results/1/\($0)/stdout") == line($0) && !text("results/1/\($0)/value").isEmpty })
        case .lines:
            var found: Set<Int> = []
            for row in text(target.rawValue).split(separator: "\n") {
                guard let object = try? JSONSerialization.jsonObject(with: Data(row.utf8)) as? [String: Any],
                    let number = object["index"] as? Int, object["stdout"] as? String == line(number)
                else { continue }
                found.insert(number)
            }
            return found
        case .table, .output:
            let whole = text(target.rawValue)
            return Set(all.filter { whole.contains((target == .table ? "\"" : "") + line($0)) })
        }
    }

    /// The tasks that the joblog has whole lines of.
    func logged(in folder: String) -> Set<Int> {
        let text = String(decoding: FileManager.default.contents(atPath: "\(folder)/log") ?? Data(), as: UTF8.self)
        var rows = text.split(separator: "\n", omittingEmptySubsequences: false)
        rows.removeLast()  // what follows the last line feed is no line
        return Set(rows.dropFirst().compactMap { $0.split(separator: "\t").first.flatMap { Int($0) } })
    }
}

enum Disks {
    /// A shell in which tmpfs can be mounted without anybody's seeing it: as root, or as root of a user namespace of its own (user_namespaces(7)); nil: this machine allows neither.
    static let mounting: [String]? = {
        for words in [["/usr/bin/unshare", "-m"], ["/usr/bin/unshare", "-U", "-r", "-m"]] {
            let test = "mkdir d && mount -t tmpfs -o size=16k none d"
            if inFolder({ shell(words, test, $0) == 0 }) { return words }
        }
        return nil
    }()

    /// How many ways there are.
    static var round: Int { DiskCell.Target.allCases.count * (mounting == nil ? 1 : DiskCell.Room.allCases.count) + 2 }

    /// One of each way in turn.
    static func strike(_ arena: Arena, _ number: Int, _ dice: inout Dice) {
        var rooms = DiskCell.Room.allCases
        if mounting == nil {
            rooms = [.fileSize]
            if number == 0 { arena.note("no tmpfs: full disks by RLIMIT_FSIZE only") }
        }
        let kinds = round - 2
        switch number % round {
        case kinds: runWithoutMemoryFiles(arena)
        case kinds + 1: runWithoutPages(arena, &dice)
        case let kind:
            let (room, target) = (rooms[kind % rooms.count], DiskCell.Target.allCases[kind / rooms.count])
            var cell = DiskCell(
                room: room, target: target, tasks: dice.roll(5...40), size: dice.roll(0...20_000), limit: 0)
            switch room {
            case .bytes: cell.limit = 4 * dice.roll(2...80)
            case .files: cell.limit = dice.roll(4...60)
            case .fileSize:
                // The pool's own memory file has to have room: see `runWithoutPages`.
                cell.limit = 5000
                cell.tasks = 16
                cell.size = target == .folder ? 6_000_000 : dice.roll(300_000...600_000)
            }
            perform(cell, arena)
        }
        arena.did()
    }

    private static func perform(_ cell: DiskCell, _ arena: Arena) {
        arena.monitor.begins(cell.name)
        func expect(_ condition: Bool, _ text: @autoclosure () -> String) {
            arena.expect(condition, "\(cell.name): \(text())".prefix(400).description)
        }
        inFolder { folder in
            func text(_ name: String) -> String {
                String(decoding: FileManager.default.contents(atPath: "\(folder)/\(name)") ?? Data(), as: UTF8.self)
            }
            let script = "local n = ... io.write('<', n, ':', ('x'):rep(\(cell.size)), '\\n') return n"
            try? script.write(toFile: "\(folder)/t.lua", atomically: false, encoding: .utf8)
            let status = shell(cell.room == .fileSize ? [] : mounting ?? [], cell.script, folder)
            guard status == 0 else { return expect(false, "the shell ended with \(status)") }
            let all = Set(1...cell.tasks)
            // Full, or large enough after all.
            let (first, errors) = (text("status1"), text("errors1"))
            let kept = cell.whole(in: "\(folder)/kept1")
            if first == "0\n" {
                expect(kept == all && errors.isEmpty, "status 0, and kept are \(kept.sorted()), and it said \(errors)")
            } else {
                let reason = cell.room == .fileSize ? "File too large" : "No space left on device"
                let isClear = [
                    "luafleet: --joblog disk/log: ", "luafleet: --results disk/results", "luafleet: standard output: ",
                ]
                .contains { errors.hasPrefix($0) }
                expect(
                    first == "255\n" && isClear && errors.hasSuffix("\(reason)\n")
                        && errors.count(where: \.isNewline) == 1,
                    "status \(first) and it said: \(errors)")
            }
            // What counts as done is there.
            let lost = cell.logged(in: "\(folder)/kept1").subtracting(kept)
            expect(lost.isEmpty, "the joblog has tasks whose output is not whole: \(lost.sorted())")
            let (second, whole) = (
                text("status2"), cell.whole(in: "\(folder)/\(cell.room == .fileSize ? "disk" : "kept2")")
            )
            expect(second == "0\n", "with room again: status \(second), and it said: \(text("errors2"))")
            expect(whole == all, "with room again these are lost: \(all.subtracting(whole).sorted())")
        }
    }

    /// A kernel without memory files, and a /dev/shm without room: /tmp has some.
    private static func runWithoutMemoryFiles(_ arena: Arena) {
        arena.monitor.begins("memory files in a full /dev/shm")
        guard let mounting else { return }
        inFolder { folder in
            let status = shell(
                mounting,
                """
                cd "$1"; mount -t tmpfs -o size=16k none /dev/shm || exit 90
                \(Disks.memoryScript)
                "$3" hide memfd "$2" run -j 3 t.lua ::: $(seq 20) >out 2>errors
                """, folder)
            let output = (try? String(contentsOfFile: "\(folder)/out", encoding: .utf8)) ?? ""
            let errors = (try? String(contentsOfFile: "\(folder)/errors", encoding: .utf8)) ?? ""
            arena.expect(
                status == 0 && output.split(separator: "\n").count == 20 && errors.isEmpty,
                "memory files in a full /dev/shm: status \(status), \(output.count) bytes, it said: \(errors)".prefix(
                    400
                ).description)
        }
    }

    /// Neither in memory nor in /tmp there is room for what a pool needs.
    private static func runWithoutPages(_ arena: Arena, _ dice: inout Dice) {
        let limit = dice.roll(0...4000)
        let hides = dice.once(in: 2)
        arena.monitor.begins("files of \(limit) KiB at most")
        inFolder { folder in
            let status = shell(
                [],
                """
                cd "$1"; \(Disks.memoryScript)
                (ulimit -f \(limit * 2)
                \(hides ? "\"$3\" hide memfd" : "") "$2" run -j 3 t.lua ::: $(seq 20) 2>&1 >/dev/null) | cat >errors
                exit 0
                """, folder)
            let errors = (try? String(contentsOfFile: "\(folder)/errors", encoding: .utf8)) ?? ""
            arena.expect(
                // One line, or each task's own where a worker cannot be had any more.
                status == 0 && errors.contains("File too large\n")
                    && errors.split(separator: "\n").allSatisfy { $0.hasPrefix("luafleet: ") },
                "files of \(limit) KiB at most\(hides ? ", no memory files" : ""): status \(status), it said: \(errors)"
                    .prefix(400).description)
        }
    }

    private static let memoryScript = """
        echo 'local m = fleet.SharedMemory(100000) m:write(90000, "abc") print(m:read(90000, 3))' >t.lua
        """

    // MARK: Shells

    /// A folder that is gone afterwards; nil where there can be none.
    @discardableResult
    private static func inFolder<R>(_ body: (String) -> R) -> R {
        var template = Array("/tmp/luafleet-chaos-disk-XXXXXX".utf8CString)
        precondition(mkdtemp(&template) != nil, "no folder in /tmp")
        let folder = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        return body(folder)
    }

    /// Its exit status, or -1.
    private static func shell(_ prefix: [String], _ script: String, _ folder: String) -> Int32 {
        let programs = executablePath.prefix(upTo: executablePath.lastIndex(of: "/") ?? executablePath.endIndex)
        let words =
            prefix + [
                "/bin/sh", "-c", "cd \"$1\" || exit 94; \(script)", "sh", folder, "\(programs)/luafleet",
                "\(programs)/sandbox-probe",
            ]
        let arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
        defer { for word in arguments { free(word) } }
        var pid: pid_t = 0
        guard lfs_spawn(words[0], arguments, nil, [2, 2], 2, &pid) == 0 else { return -1 }
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0 { if errno != EINTR { return -1 } }
        return status & 0x7F == 0 ? status >> 8 & 0xFF : -1
    }
}
