// A task frame as it stands in the worker's read buffer.
import LuaFleetWire
import LuaVM

/// One task, or several whose arguments stand back to back. The bytes are the buffer's.
struct IncomingTasks {
    /// Of the first task; the others have the numbers after it.
    var sequence: UInt32
    var head: TaskHead
    var function: UnsafeRawBufferPointer
    var arguments: UnsafeRawBufferPointer

    init?(header: FrameHeader, payload: UnsafeRawBufferPointer) {
        var reader = FieldReader(payload)
        guard let head = TaskHead(from: &reader), let function = reader.bytes(Int(head.functionLength)) else {
            return nil
        }
        self.sequence = header.task
        self.head = head
        self.function = function
        self.arguments = reader.rest
    }

    /// Takes the first task off, as a frame of its own; nil when there is none left.
    mutating func popFirst() -> IncomingTasks? {
        guard head.count > 0 else { return nil }
        var first = self
        first.head.count = 1
        if head.count > 1 {
            let start = arguments.baseAddress!.assumingMemoryBound(to: UInt8.self)  // what follows a head is never nil
            let size = lfvm_message_size(start, arguments.count)
            // Where one message is not to be told from the next, the first is refused as it is, and so are the others.
            first.arguments = size == 0 ? arguments : UnsafeRawBufferPointer(rebasing: arguments[..<size])
            arguments = UnsafeRawBufferPointer(rebasing: arguments[(size == 0 ? arguments.count : size)...])
        }
        head.count -= 1
        head.index &+= 1
        sequence &+= 1
        return first
    }

    /// Calls `body` with the tasks as LuaVM takes them.
    func withBatch<R>(_ body: (inout lfvm_batch) -> R) -> R {
        var batch = lfvm_batch(
            script: head.script,
            function: function.isEmpty ? nil : function.baseAddress?.assumingMemoryBound(to: CChar.self),
            function_count: function.count,
            arguments: arguments.baseAddress!.assumingMemoryBound(to: UInt8.self),  // what follows a head is never nil
            arguments_count: arguments.count, count: head.count, set_arg: head.setsArg,
            first: lfvm_task(index: head.index, attempt: head.attempt))
        return body(&batch)
    }
}
