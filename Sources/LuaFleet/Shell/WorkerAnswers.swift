// What a worker answered: the results of tasks that follow each other, until somebody takes them.
import LuaFleetWire
import NIOCore

/// Answers to tasks that follow each other, of one frame.
struct WorkerAnswers {
    /// nil: they returned.
    var failure: WireFailure?
    var count: UInt32
    /// Of all together.
    var nanoseconds: UInt64
    var pid: Int32
    /// Back to back, as they came; or a long one by itself, in `message`.
    var messages = ByteBuffer()
    var message: [UInt8]?
    /// Keeps the shared objects whose handles stand in the message.
    var references: [SharedReference] = []

    /// Of each, in nanoseconds.
    var meanDuration: UInt64 { count > 1 ? nanoseconds / UInt64(count) : nanoseconds }

    /// The messages of the next `number` answers; nil, and nothing taken, where there are not so many. The mean duration of those that are left stays what it was.
    mutating func takeMessages(_ number: UInt32) -> ByteBuffer? {
        guard number < count else {
            guard number == count else { return nil }
            count = 0
            defer { messages = ByteBuffer() }
            return messages
        }
        guard let some = messages.readMessages(Int(number)) else { return nil }
        nanoseconds -= meanDuration * UInt64(number)
        count -= number
        return some
    }

    /// The message of the next answer; nil: there is none.
    mutating func takeMessage() -> [UInt8]? {
        if let message = message.take() { return message }
        guard count > 0 else { return nil }
        let length = count == 1 ? messages.readableBytes : messages.lengthOfMessages(1)
        guard let length else { return nil }
        let bytes = messages.withUnsafeReadableBytes { [UInt8](UnsafeRawBufferPointer(rebasing: $0[..<length])) }
        messages.moveReaderIndex(forwardBy: length)
        nanoseconds -= meanDuration
        count -= 1
        return bytes
    }
}

extension ByteBuffer {
    /// Takes `count` messages off the front; nil, and nothing taken, where there are not so many.
    mutating func readMessages(_ count: Int) -> ByteBuffer? {
        lengthOfMessages(count).flatMap { readSlice(length: $0) }
    }

    /// The bytes of the first `count` messages; nil where there are not so many.
    func lengthOfMessages(_ count: Int) -> Int? {
        withUnsafeReadableBytes { bytes -> Int? in
            guard var reader = try? ValueReader(bytes) else { return nil }
            do throws(ValueError) {
                for _ in 0..<count { try reader.skip() }
            } catch {
                return nil
            }
            return reader.offset
        }
    }
}
