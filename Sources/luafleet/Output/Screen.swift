// Everything that a run writes to standard output and standard error goes through here: one at a time, and the bar out of the way.
import CFleetSystem
import Glibc
import Synchronization

final class Screen: Sendable {
    private struct State {
        /// What stands in the terminal's last line.
        var hasLine = false
        var hasReader = true
        /// Why standard output cannot be written any more; 0: it can, or nobody reads it.
        var failure: Int32 = 0
    }

    let isQuiet: Bool
    let style: Style
    /// Whether standard error is a terminal that can go back in a line.
    let canShowLine: Bool
    /// Output on the same terminal pushes the line away.
    private let outputIsTerminal: Bool
    private let state = Mutex(State())

    init(isQuiet: Bool = false) {
        self.isQuiet = isQuiet
        let isDumb = getenv("TERM").map { strcmp($0, "dumb") == 0 } ?? false
        let errorIsTerminal = isatty(STDERR_FILENO) == 1
        canShowLine = errorIsTerminal && !isDumb
        outputIsTerminal = isatty(STDOUT_FILENO) == 1
        // https://no-color.org: set and not empty
        let refusesColors = getenv("NO_COLOR").map { $0.pointee != 0 } ?? false
        style = Style(isColored: canShowLine && !refusesColors)
    }

    /// Columns of the terminal now.
    var width: Int { max(0, Int(lfs_terminal_width(STDERR_FILENO))) }

    /// False: nobody reads standard output any more.
    @discardableResult
    func write(output: Bytes, errors: Bytes = []) -> Bool {
        state.withLock { state in
            if state.hasLine, outputIsTerminal && !output.isEmpty || !errors.isEmpty { clear(&state) }
            if !output.isEmpty, state.hasReader {
                let code = StandardStream.output.attempt(output)
                state.hasReader = code == 0
                if code != EPIPE { state.failure = code }
            }
            if !errors.isEmpty { StandardStream.error.write(errors) }
            return state.hasReader
        }
    }

    /// What else than the reader's leaving ended standard output: a full disk.
    var outputFailure: UsageError? {
        let code = state.withLock { $0.failure }
        return code == 0 ? nil : UsageError("standard output: \(systemMessage(code))")
    }

    /// A line of ours on standard error; none with --quiet.
    func say(_ text: String) {
        guard !isQuiet else { return }
        write(output: [], errors: Bytes("luafleet: \(text)\n".utf8))
    }

    /// Lines of ours at once, also while output waits for a reader that does not read: what a signal asks for must not wait behind it.
    func sayNow(_ lines: [String]) {
        let text = Bytes(lines.map { "luafleet: \($0)\n" }.joined().utf8)
        let isFree: Void? = state.withLockIfAvailable { state in
            if state.hasLine { clear(&state) }
            StandardStream.error.write(text)
        }
        if isFree == nil { StandardStream.error.write(text) }
    }

    /// Replaces the line at the bottom; without a terminal nothing happens.
    func show(line: String) {
        guard canShowLine else { return }
        // Where output is being written, the next one comes soon.
        state.withLockIfAvailable { state in
            state.hasLine = true
            StandardStream.error.write(Bytes("\r\(line)\u{1B}[K".utf8))
        }
    }

    /// The line stays and the next text begins below it.
    func finishLine() {
        state.withLock { state in
            if state.hasLine { StandardStream.error.write([0x0A]) }
            state.hasLine = false
        }
    }

    private func clear(_ state: inout State) {
        StandardStream.error.write(Bytes("\r\u{1B}[K".utf8))
        state.hasLine = false
    }
}
