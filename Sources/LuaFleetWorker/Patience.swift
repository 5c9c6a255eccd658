// Whether a worker that waits for its next task looks for it a while before it sleeps.
import CFleetSystem

/// A processor that sleeps takes longer to wake than a small task takes to run: a call of one task after the other waits mostly for that. So a worker whose last wait was
/// short looks for the next task without sleeping, giving its processor away between two looks.
struct Patience {
    /// Nanoseconds that it looks. Smaller: callers that do something between two tasks find it asleep; larger: more of a processor is wasted on callers that are gone.
    private static let looking: UInt64 = 50_000
    /// A wait, in nanoseconds, after which the next one is expected to be short as well. It has room for two processors that wake: the host's, and its own.
    private static let short: UInt64 = 300_000

    /// Of a worker that is new nothing is known: it sleeps.
    private var looks = false

    /// read(2), and how long it took to have something.
    mutating func read(_ socket: Int32, _ room: UnsafeMutableRawBufferPointer) -> Int {
        let start = lfs_now()
        // There is room for a byte at least.
        let count = lfs_read_soon(socket, room.baseAddress!, room.count, looks ? start + Self.looking : 0)
        looks = lfs_now() - start < Self.short
        return count
    }
}
