// Turns inputs into tasks and feeds them to a stream: many at a time where the inputs come fast, each at once where they do not.
import CFleetSystem
import LuaFleetCore
import LuaFleetWire

struct TaskFeeder: Sendable {
    /// Tasks of a slab at most. Larger: workers wait longer for the first ones; smaller: more work for each.
    private static let slabTasks = 1024
    /// Bytes of arguments of a slab, unless one task has more.
    private static let slabBytes = 64 * 1024
    /// What the inputs of a slab may take to come, so that the next one is twice as long. Smaller: slabs of one where inputs take a moment each; larger: tasks wait for inputs.
    private static let patience: UInt64 = 200_000

    let stream: TaskStream
    /// A request without arguments, for the tasks' script and limits.
    let template: TaskRequest
    let script: LuaScript

    /// Feeds a sequence, an argument a task. An input is taken only when there is room for its task.
    func feed<Inputs: Sequence>(_ inputs: Inputs) async where Inputs.Element: Encodable {
        var iterator = inputs.makeIterator()
        await feed { slab, most throws in try Self.fill(&slab, from: &iterator, most) }
    }

    /// Feeds a sequence; `encode` writes an input's message.
    func feed<Input>(_ inputs: some Sequence<Input>, _ encode: (Input, inout ValueWriter) throws -> Void) async {
        var iterator = inputs.makeIterator()
        await feed { slab, most throws in
            while slab.count < most, slab.byteCount < Self.slabBytes {
                guard let input = iterator.next() else { return true }
                try slab.append { try encode(input, &$0) }
            }
            return false
        }
    }

    /// The loop that a million short tasks go through, without the cost of generic code for what they mostly are. True at the end of the inputs.
    @_specialize(where Inputs == IndexingIterator<ClosedRange<Int>>)
    @_specialize(where Inputs == IndexingIterator<Range<Int>>)
    @_specialize(where Inputs == IndexingIterator<[Int]>)
    @_specialize(where Inputs == IndexingIterator<[Double]>)
    @_specialize(where Inputs == IndexingIterator<[String]>)
    private static func fill<Inputs: IteratorProtocol>(
        _ slab: inout SlabBuilder, from inputs: inout Inputs, _ most: Int
    ) throws -> Bool where Inputs.Element: Encodable {
        while slab.count < most, slab.byteCount < slabBytes {
            guard let input = inputs.next() else { return true }
            try slab.append { try LuaMessage.encode(argument: input, into: &$0) }
        }
        return false
    }

    /// `fill` appends up to so many tasks, and says whether the inputs have ended; what it had appended when it throws is good.
    private func feed(_ fill: (inout SlabBuilder, Int) throws -> Bool) async {
        var index: UInt64 = 1
        // One at first, and again where inputs are slow: a task does not wait for the input after it.
        var target = 1
        while true {
            let room = await stream.room()
            guard room > 0 else { return stream.inputEnded(LuaFleetError.cancelled) }
            let most = min(room, target)
            var slab = SlabBuilder(capacity: 64 * most)
            var failure: (any Error)?
            var isAtEnd = false
            let start = lfs_now()
            do { isAtEnd = try fill(&slab, most) } catch { failure = LuaFleetError.notSent(error, to: script) }
            target = lfs_now() - start < Self.patience ? min(target * 2, Self.slabTasks) : 1
            if slab.count > 0 {
                let count = UInt64(slab.count)
                stream.feed(request(slab.finish(), index))
                index += count
            }
            if isAtEnd || failure != nil { return stream.inputEnded(failure) }
        }
    }

    /// Feeds what comes, as it comes.
    func feed<Inputs: AsyncSequence>(
        _ inputs: Inputs, _ encode: (Inputs.Element, inout ValueWriter) throws -> Void
    ) async {
        var index: UInt64 = 1
        do {
            var iterator = inputs.makeAsyncIterator()
            while true {
                guard await stream.room() > 0 else { return stream.inputEnded(LuaFleetError.cancelled) }
                guard let input = try await iterator.next() else { return stream.inputEnded() }
                var slab = SlabBuilder(capacity: 128)
                do {
                    try slab.append { try encode(input, &$0) }
                } catch {
                    return stream.inputEnded(LuaFleetError.notSent(error, to: script))
                }
                stream.feed(request(slab.finish(), index))
                index += 1
            }
        } catch {
            stream.inputEnded(error)
        }
    }

    private func request(_ slab: SlabArguments, _ index: UInt64) -> TaskRequest {
        var request = template
        request.arguments = .many(slab)
        request.index = index
        return request
    }
}
