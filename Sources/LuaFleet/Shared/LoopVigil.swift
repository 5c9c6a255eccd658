// An event loop that looks for the next request for a moment before it sleeps.
import CFleetSystem
import NIOCore

/// A task that asks once mostly asks again at once, and waking a thread that sleeps takes longer than answering. Belongs to the event loop.
final class LoopVigil: @unchecked Sendable {  // touched on its event loop only
    private var end: UInt64 = 0
    private var isKept = false
    private var hope = lfs_hope()

    func requestCame(on loop: any EventLoop) {
        if isKept { lfs_hope_ends(&hope, true) }
        guard isKept || lfs_hope_looks(&hope) else { return }
        end = lfs_now() + UInt64(LFS_HOPE_LASTS)
        guard !isKept else { return }
        isKept = true
        keep(loop)
    }

    private func keep(_ loop: any EventLoop) {
        loop.execute {
            guard lfs_now() >= self.end else { return self.keep(loop) }
            self.isKept = false
            lfs_hope_ends(&self.hope, false)
        }
    }
}
