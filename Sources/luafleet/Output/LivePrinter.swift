// Prints output of --line-buffer and --ungroup as it is told of it.
import Synchronization

/// Any thread. The library tells a task's output when the task has ended; once it tells it as it comes, `wrote` is called then, and `ended` prints what
/// has not been told.
final class LivePrinter: Sendable {
    private struct State {
        var output: LiveOutput
        /// Bytes that were printed of a stream of a task that runs.
        var told: [LiveOutput.Stream: Int] = [:]
    }

    private let screen: Screen
    private let state: Mutex<State>

    init(_ buffering: OutputPlan.Buffering, screen: Screen) {
        self.screen = screen
        state = Mutex(State(output: LiveOutput(buffering)))
    }

    /// Task `stream.task`, by its number among the inputs, has written `bytes`. False: nobody reads any more.
    @discardableResult
    func wrote(_ bytes: Bytes, to stream: LiveOutput.Stream, tag: Bytes?) -> Bool {
        let text = state.withLock { state in
            state.told[stream, default: 0] += bytes.count
            return state.output.wrote(bytes, to: stream, tag: tag)
        }
        return print(text, to: stream)
    }

    /// The task has ended, and `output` is all that it wrote.
    func ended(_ stream: LiveOutput.Stream, output: Bytes, tag: Bytes?) -> Bool {
        let text = state.withLock { state in
            let told = state.told.removeValue(forKey: stream) ?? 0
            let rest = state.output.wrote(Bytes(output.dropFirst(told)), to: stream, tag: tag)
            return rest + state.output.ended(stream, tag: tag)
        }
        return print(text, to: stream)
    }

    private func print(_ text: Bytes, to stream: LiveOutput.Stream) -> Bool {
        screen.write(output: stream.isError ? [] : text, errors: stream.isError ? text : [])
    }
}
