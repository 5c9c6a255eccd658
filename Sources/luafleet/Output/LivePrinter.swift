// Prints output of --line-buffer and --ungroup as it comes.
import Synchronization

/// Any thread. Tells how much was printed of a task's stream, and prints what had not come when the task ended.
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

    /// Bytes that were printed so far of a stream of a task that has not ended.
    func told(_ stream: LiveOutput.Stream) -> Int {
        state.withLock { $0.told[stream] ?? 0 }
    }

    /// The task has ended; `output` was not told before.
    func ended(_ stream: LiveOutput.Stream, output: Bytes, tag: Bytes?) -> Bool {
        let text = state.withLock { state in
            state.told[stream] = nil
            let rest = state.output.wrote(output, to: stream, tag: tag)
            return rest + state.output.ended(stream, tag: tag)
        }
        return print(text, to: stream)
    }

    private func print(_ text: Bytes, to stream: LiveOutput.Stream) -> Bool {
        screen.write(output: stream.isError ? [] : text, errors: stream.isError ? text : [])
    }
}
