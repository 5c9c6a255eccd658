// What a task has used of its budgets, as the worker measured it.

/// The payload of a `usage` frame, which stands in front of the task's answer where budgets are measured.
package struct TaskUsage: Equatable, Sendable {
    package var processorNanoseconds: UInt64
    /// The most that the Lua state held while the task ran, in bytes.
    package var memoryPeak: UInt64
    /// 0 where they are not counted.
    package var instructions: UInt64
    /// Bytes on both streams.
    package var output: UInt64

    package init(
        processorNanoseconds: UInt64 = 0, memoryPeak: UInt64 = 0, instructions: UInt64 = 0, output: UInt64 = 0
    ) {
        self.processorNanoseconds = processorNanoseconds
        self.memoryPeak = memoryPeak
        self.instructions = instructions
        self.output = output
    }

    package var payload: [UInt8] {
        var bytes = [UInt8]()
        for value in [processorNanoseconds, memoryPeak, instructions, output] { bytes.append(integer: value) }
        return bytes
    }

    package init?(payload: UnsafeRawBufferPointer) {
        var reader = FieldReader(payload)
        guard let time = reader.integer(UInt64.self), let peak = reader.integer(UInt64.self),
            let instructions = reader.integer(UInt64.self), let output = reader.integer(UInt64.self),
            reader.rest.isEmpty
        else { return nil }
        self.init(processorNanoseconds: time, memoryPeak: peak, instructions: instructions, output: output)
    }
}
