// An event loop that looks for a worker's next request for a moment before it sleeps.
import CFleetSystem
import Glibc
import NIOCore

/// A task that asks once mostly asks again at once, and waking a thread that sleeps takes longer than answering. Belongs to the event loop.
///
/// It has to look at the socket itself: a loop runs what it was given, and what that gave it, before it looks at any socket again.
final class LoopVigil: @unchecked Sendable {  // touched on its event loop only
    private var end: UInt64 = 0
    private var isKept = false
    private var hope = lfs_hope()

    /// `socket`: where the next one will come.
    func requestCame(on loop: any EventLoop, socket: Int32) {
        guard isKept || lfs_hope_looks(&hope) else { return }
        end = lfs_now() + UInt64(LFS_HOPE_LASTS)
        guard !isKept else { return }
        isKept = true
        keep(loop, socket)
    }

    /// One look, and then whatever else the loop has got to do.
    private func keep(_ loop: any EventLoop, _ socket: Int32) {
        loop.execute {
            // A descriptor that was closed meanwhile, and is another's now, costs a look in vain.
            var place = pollfd(fd: socket, events: Int16(POLLIN), revents: 0)
            let came = poll(&place, 1, 0) > 0
            guard came || lfs_now() >= self.end else { return self.keep(loop, socket) }
            self.isKept = false
            lfs_hope_ends(&self.hope, came)
        }
    }
}
