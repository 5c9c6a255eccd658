// Prints output of --line-buffer and --ungroup as it comes; with -k only of the first task that has not ended, and of the others when it is their turn.
import Synchronization

/// Any thread. Tells how much was printed of a task's stream, and prints what had not come when the task ended.
final class LivePrinter: Sendable {
    private struct Held {
        var bytes = Bytes()
        var tag: Bytes?
    }

    private struct State {
        var output: LiveOutput
        /// Bytes that were told of a stream of a task that runs.
        var told: [LiveOutput.Stream: Int] = [:]
        /// The task whose turn it is, where the order is kept.
        var front: Int?
        /// Of tasks behind it.
        var held: [LiveOutput.Stream: Held] = [:]
        /// Tasks that have ended, or will never run, before it was their turn.
        var passed: Set<Int> = []
    }

    private let screen: Screen
    private let state: Mutex<State>

    init(_ buffering: OutputPlan.Buffering, keepsOrder: Bool = false, screen: Screen) {
        self.screen = screen
        state = Mutex(State(output: LiveOutput(buffering), front: keepsOrder ? 1 : nil))
    }

    /// Task `stream.task`, by its number among the inputs, has written `bytes`. False: nobody reads any more.
    @discardableResult
    func wrote(_ bytes: Bytes, to stream: LiveOutput.Stream, tag: Bytes?) -> Bool {
        state.withLock { state in
            state.told[stream, default: 0] += bytes.count
            if let front = state.front, front != stream.task {
                state.held[stream, default: Held(tag: tag)].bytes += bytes
                return true
            }
            return print(state.output.wrote(bytes, to: stream, tag: tag), to: stream)
        }
    }

    /// Bytes that were told so far of a stream of a task that has not ended.
    func told(_ stream: LiveOutput.Stream) -> Int {
        state.withLock { $0.told[stream] ?? 0 }
    }

    /// The task has ended; `output` was not told before. Where the order is kept, tasks end in it.
    func ended(_ stream: LiveOutput.Stream, output: Bytes, tag: Bytes?) -> Bool {
        state.withLock { state in
            state.told[stream] = nil
            let before = state.held.removeValue(forKey: stream)?.bytes ?? []
            let rest = state.output.wrote(before + output, to: stream, tag: tag)
            return print(rest + state.output.ended(stream, tag: tag), to: stream)
        }
    }

    /// Nothing more comes of this task: it is the next one's turn.
    func passed(_ task: Int) {
        state.withLock { state in
            guard var front = state.front else { return }
            state.passed.insert(task)
            while state.passed.remove(front) != nil { front += 1 }
            state.front = front
            for isError in [false, true] {
                let stream = LiveOutput.Stream(task: front, isError: isError)
                guard let held = state.held.removeValue(forKey: stream) else { continue }
                print(state.output.wrote(held.bytes, to: stream, tag: held.tag), to: stream)
            }
        }
    }

    /// Under the lock, so that nothing overtakes it.
    @discardableResult
    private func print(_ text: Bytes, to stream: LiveOutput.Stream) -> Bool {
        screen.write(output: stream.isError ? [] : text, errors: stream.isError ? text : [])
    }
}
