// The word in a worker's page by which host, fork server and worker agree that one task is to be interrupted, and no other.
import Synchronization

/// Why a task is interrupted: what its script reads in the error.
package enum InterruptReason: UInt8, Sendable, CaseIterable {
    case cancelled = 1
    case deadline = 2
}

extension WorkerPage {
    /// Far behind the header's other fields, at a place of its own: LuaVM's signal handler reads it by its address.
    @inlinable package static var interruptOffset: Int { 2048 }

    /// The task in the lower half, then the stage and the reason, a byte each. 0: nothing was ever asked.
    ///
    /// The host asks; the fork server sends the signal only while it can say so here first; a worker that begins another task meanwhile withdraws what was asked, or
    /// waits until the signal has come. So a signal that is late hits nobody: not even a call of the next task that it would cut short (signal(7), EINTR).
    package struct Interrupt: Equatable, Sendable {
        package enum Stage: UInt8, Sendable {
            /// By the host. Becomes `sending`, or `withdrawn`.
            case asked = 1
            /// The fork server is about to send the signal. Becomes `sent`.
            case sending = 2
            case sent = 3
            /// By the worker: that task is over.
            case withdrawn = 4
        }

        package var task: UInt32
        package var stage: Stage
        package var reason: InterruptReason

        package init(task: UInt32, stage: Stage, reason: InterruptReason) {
            self.task = task
            self.stage = stage
            self.reason = reason
        }

        package init?(_ word: UInt64) {
            guard let stage = Stage(rawValue: UInt8(truncatingIfNeeded: word >> 32)),
                let reason = InterruptReason(rawValue: UInt8(truncatingIfNeeded: word >> 40))
            else { return nil }
            self.init(task: UInt32(truncatingIfNeeded: word), stage: stage, reason: reason)
        }

        package var word: UInt64 {
            UInt64(task) | UInt64(stage.rawValue) << 32 | UInt64(reason.rawValue) << 40
        }
    }

    package var interruptWord: UnsafeMutablePointer<Atomic<UInt64>> {
        (start + Self.interruptOffset).assumingMemoryBound(to: Atomic<UInt64>.self)
    }

    /// What was asked last; nil: nothing, or a worker scribbled over it.
    package var interrupt: Interrupt? { Interrupt(interruptWord.pointee.load(ordering: .acquiring)) }

    /// The host: task `sequence`, the only one there, is to be interrupted. The fork server has to be told then.
    package func askForInterrupt(of sequence: UInt32, _ reason: InterruptReason) {
        interruptWord.pointee.store(
            Interrupt(task: sequence, stage: .asked, reason: reason).word, ordering: .sequentiallyConsistent)
    }

    /// The fork server: calls `send` if the task that was asked for has not been seen to be over.
    package func sendInterrupt(_ send: () -> Void) {
        let asked = interruptWord.pointee.load(ordering: .acquiring)
        guard var interrupt = Interrupt(asked), interrupt.stage == .asked else { return }
        interrupt.stage = .sending
        let sending = interrupt.word
        guard
            interruptWord.pointee.compareExchange(
                expected: asked, desired: sending, ordering: .sequentiallyConsistent
            ).exchanged
        else { return }
        send()
        interrupt.stage = .sent
        // Not where another word stands there by now, though only a worker that scribbles could have caused that.
        _ = interruptWord.pointee.compareExchange(
            expected: sending, desired: interrupt.word, ordering: .sequentiallyConsistent)
    }
}
