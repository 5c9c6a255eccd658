// A terminal without a screen: a person at the command line, as far as the program can tell.
import CTerminal
import Glibc
import Testing

/// A pseudo-terminal (pty(7)) and the program that it controls.
final class Terminal {
    private let master: Int32
    private let path: String
    private var pid: pid_t = -1
    /// All that the program has written.
    private(set) var text = ""

    init(columns: Int = 80) {
        var name = [CChar](repeating: 0, count: 64)
        master = ct_open(&name, name.count)
        #expect(master >= 0)
        path = String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        resize(columns: columns)
    }

    deinit {
        close(master)
    }

    /// The kernel tells the program with SIGWINCH.
    func resize(columns: Int) {
        #expect(ct_resize(master, Int32(columns)) == 0)
    }

    /// Runs `luafleet ARGUMENTS` in a session of its own with this terminal. `output`: a file instead of the terminal.
    func start(_ scratch: Scratch, _ arguments: String..., output: String? = nil) {
        pid = spawn(
            ["setsid", "--ctty", "env", "-u", "NO_COLOR", "TERM=xterm", buildFolder() + "/luafleet"] + arguments,
            input: path,
            output: output.map { scratch.path + "/" + $0 } ?? path, errors: path, folder: scratch.path)
    }

    func type(_ keys: String) {
        let bytes = Array(keys.utf8)
        #expect(write(master, bytes, bytes.count) == bytes.count)
    }

    /// Reads on until the program has written what is wanted; false: it ended without.
    @discardableResult
    func waitFor(_ isThere: (String) -> Bool) -> Bool {
        while !isThere(text) {
            guard read() else { return false }
        }
        return true
    }

    /// Reads to the end; the exit status.
    func end() -> Int32 {
        while read() {}
        return wait(for: pid)
    }

    /// False at the end: the last process that had the terminal has closed it.
    private func read() -> Bool {
        var buffer = [UInt8](repeating: 0, count: 4096)
        let count = Glibc.read(master, &buffer, buffer.count)
        if count < 0, errno == EINTR { return true }
        guard count > 0 else { return false }
        text += String(decoding: buffer.prefix(count), as: UTF8.self)
        return true
    }

    /// What stood in the line of the bar, one after the other; line ends and colours taken away.
    var bars: [String] {
        text.split(separator: "\r").compactMap { piece in
            guard let end = piece.firstRange(of: "\u{1B}[K") else { return nil }
            let line = piece[..<end.lowerBound]
            return line.isEmpty ? nil : String(line).replacing("\u{1B}[31m", with: "").replacing("\u{1B}[m", with: "")
        }
    }
}
