// An event loop that looks for the next request for a moment before it sleeps.
import CFleetSystem
import Glibc
import NIOCore

/// A task that asks once mostly asks again at once, and waking a thread that sleeps takes longer than answering. Belongs to the event loop.
final class LoopVigil: @unchecked Sendable {  // touched on its event loop only
    /// Nanoseconds after the last request. Smaller: the loop sleeps between two requests; larger: processor time that others could use. It gives way to who wants it.
    private static let length: UInt64 = 40_000

    private var end: UInt64 = 0
    private var isKept = false

    func requestCame(on loop: any EventLoop) {
        end = lfs_now() + Self.length
        guard !isKept else { return }
        isKept = true
        keep(loop)
    }

    private func keep(_ loop: any EventLoop) {
        loop.execute {
            guard lfs_now() < self.end else {
                self.isKept = false
                return
            }
            sched_yield()
            self.keep(loop)
        }
    }
}
