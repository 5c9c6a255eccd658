// Hands the pool's events to whoever listens, and keeps what finalizers returned.
import LuaFleetCore
import Synchronization

/// Thread-safe. Posting costs one atomic load while nobody listens.
final class PoolEventHub: Sendable {
    /// Events that wait for a listener at most. Larger: more memory for one that sleeps; smaller: one that is slow for a moment misses some.
    private static let capacity = 65_536

    private struct State {
        var listeners: [Int: AsyncStream<LuaPoolEvent>.Continuation] = [:]
        var nextListener = 0
        var isFinished = false
        var finalizerResults: [LuaFinalizerResult] = []
    }

    private let state = Mutex(State())
    private let isHeard = Atomic<Bool>(false)

    /// Whether it is worth making an event.
    var hasListeners: Bool { isHeard.load(ordering: .relaxed) }

    func post(_ event: @autoclosure () -> LuaPoolEvent) {
        guard hasListeners else { return }
        let event = event()
        let listeners = state.withLock { Array($0.listeners.values) }
        for listener in listeners { listener.yield(event) }
    }

    func finalized(worker: Int, _ message: [UInt8]) {
        guard let results = try? LuaResults(message: message) else { return }
        state.withLock { $0.finalizerResults.append(LuaFinalizerResult(worker: worker, results: results)) }
    }

    var finalizerResults: [LuaFinalizerResult] { state.withLock { $0.finalizerResults } }

    /// What is posted from now on, until the pool has closed.
    func stream() -> AsyncStream<LuaPoolEvent> {
        AsyncStream(bufferingPolicy: .bufferingNewest(Self.capacity)) { continuation in
            let number = state.withLock { state -> Int? in
                guard !state.isFinished else { return nil }
                state.nextListener += 1
                state.listeners[state.nextListener] = continuation
                isHeard.store(true, ordering: .relaxed)
                return state.nextListener
            }
            guard let number else { return continuation.finish() }
            continuation.onTermination = { _ in self.remove(number) }
        }
    }

    private func remove(_ number: Int) {
        state.withLock { state in
            state.listeners[number] = nil
            if state.listeners.isEmpty { isHeard.store(false, ordering: .relaxed) }
        }
    }

    /// The pool has closed: no event comes any more.
    func finish() {
        let listeners = state.withLock { state in
            state.isFinished = true
            return Array(state.listeners.values)
        }
        for listener in listeners { listener.finish() }
    }
}
