// Bytes that were read from a socket and not consumed yet.
import CFleetSystem
import Glibc
import LuaFleetWire

/// A class: a task that waits for a reply reads into it too.
final class InputBuffer {
    /// Enough for hundreds of small tasks a read; a longer frame makes it grow for as long as it stands there.
    private static let usualCapacity = 16 * 1024

    private var storage = UnsafeMutableRawBufferPointer.allocate(byteCount: InputBuffer.usualCapacity, alignment: 16)
    private var start = 0
    private var end = 0
    /// What came after these while a task waited for a reply. It stands apart: tasks that run have their arguments where they are.
    private(set) lazy var later: InputBuffer = InputBuffer()
    private var hasLater = false
    private var patience = Patience()

    init() {}

    var bytes: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: storage[start..<end])
    }

    func consume(_ count: Int) {
        start += count
        guard start == end else { return }
        start = 0
        end = 0
        if storage.count > 1 << 20 { reallocate(Self.usualCapacity) }  // a huge task does not keep its memory
    }

    /// Room for `needed` more bytes behind those that stand here.
    func makeRoom(_ needed: Int) -> UnsafeMutableRawBufferPointer {
        if storage.count - end < needed {
            if storage.count - (end - start) >= needed {
                storage.baseAddress!.copyMemory(from: bytes.baseAddress!, byteCount: end - start)  // never nil
                end -= start
                start = 0
            } else {
                reallocate(end - start + needed)
            }
        }
        return UnsafeMutableRawBufferPointer(rebasing: storage[end...])
    }

    func received(_ count: Int) {
        end += count
    }

    /// How many bytes the last frame here lacks.
    func missing(_ parser: FrameParser) throws(ProtocolViolation) -> Int {
        var rest = bytes
        while !rest.isEmpty {
            switch try parser.next(in: rest) {
            case .needs(let count): return count
            case .frame(_, _, let size): rest = UnsafeRawBufferPointer(rebasing: rest[size...])
            }
        }
        return 0
    }

    /// Takes bytes out of the middle; those behind them move up.
    func remove(_ range: Range<Int>) {
        let tail = end - start - range.upperBound
        if tail > 0 {
            let base = storage.baseAddress! + start  // never nil: it holds those bytes
            (base + range.lowerBound).copyMemory(from: base + range.upperBound, byteCount: tail)
        }
        end -= range.count
        consume(0)
    }

    /// Something was read into `later`.
    func readLater() {
        hasLater = true
    }

    /// Joins what came while a task waited; returns how much that was.
    private func takeLater() -> Int {
        guard hasLater else { return 0 }
        hasLater = false
        let count = later.bytes.count
        makeRoom(count).copyBytes(from: later.bytes)
        received(count)
        later.consume(count)
        return count
    }

    /// Reads until at least `needed` more bytes are there. The end of the stream ends the process: the host is gone, or has closed this worker.
    func fill(from socket: Int32, needing needed: Int) {
        var missing = needed - takeLater()
        while missing > 0 {
            let room = makeRoom(missing)
            let count = patience.read(socket, room)
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { _exit(WorkerStatus.hostGone) }
            received(count)
            missing -= count
        }
    }

    private func reallocate(_ capacity: Int) {
        let larger = UnsafeMutableRawBufferPointer.allocate(byteCount: capacity, alignment: 16)
        larger.copyMemory(from: bytes)
        storage.deallocate()
        storage = larger
        end -= start
        start = 0
    }
}
