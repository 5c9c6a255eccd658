// Queues in Swift.
import LuaFleetCore
import LuaFleetWire

/// What becomes of an item when the task that got it dies before it has answered: before it got the next item, said `task_done`, or ended.
public enum LuaQueuePolicy: String, Sendable, Hashable {
    /// It goes back to the front of the queue. The default: nothing is lost, but something may be done twice.
    case requeue
    /// It is gone, and counts as done.
    case drop
}

/// The operations that every queue has.
public protocol LuaQueueOperations: LuaSharedObject {}

extension LuaQueueOperations {
    /// Puts a value at the end. Waits while the queue is full.
    ///
    /// - Parameter timeout: default: as long as it takes.
    /// - Throws: ``LuaFleetError`` with code `timeout` when there was no room in time, `sharedObject` when the queue is closed, `notEncodable` or
    ///   `argumentLimit` when the value cannot be sent.
    public func put(_ value: some Encodable & Sendable, timeout: Duration? = nil) async throws {
        let answer = try await wait(.put, timeout: timeout, item: try Self.encode(value))
        if answer.status == .timedOut { throw timedOut("no room", timeout) }
    }

    /// Puts a value at the end if there is room. False: it is full.
    public func tryPut(_ value: some Encodable & Sendable) throws(LuaFleetError) -> Bool {
        try ask(.put, item: try Self.encode(value)).status == .done
    }

    /// Takes the first value. Waits while the queue is empty; nil when it is closed and nothing is left.
    ///
    /// - Throws: ``LuaFleetError`` with code `timeout` when nothing came in time, `notDecodable` when the value is no `R` (it is taken all the same).
    public func get<R: Decodable & Sendable>(_ type: R.Type = R.self, timeout: Duration? = nil) async throws -> R? {
        let answer = try await wait(.get, timeout: timeout)
        switch answer.status {
        case .timedOut: throw timedOut("nothing came", timeout)
        case .closed: return nil
        default: return try answer.value(R.self)
        }
    }

    /// Takes the first value if there is one.
    public func tryGet<R: Decodable & Sendable>(_ type: R.Type = R.self) throws -> R? {
        let answer = try ask(.get)
        return answer.status == .done ? try answer.value(R.self) : nil
    }

    /// How many values are in it, exactly.
    public var count: Int { get throws(LuaFleetError) { try ask(.size).integer } }

    /// No more values come in; who gets takes those that are left, then nil. Closing twice is fine.
    public func close() throws(LuaFleetError) { try ask(.close) }

    /// The values until the end of the stream.
    public func values<R: Decodable & Sendable>(_ type: R.Type = R.self) -> AsyncThrowingStream<R, any Error> {
        AsyncThrowingStream(unfolding: { try await get(R.self) })
    }
}

/// A queue of values: first in, first out per producer; `multiprocessing.Queue` without its feeder threads, so that errors of the value show where it is put.
public struct LuaQueue: LuaQueueOperations {
    public let handle: LuaHandle

    public init(_ handle: LuaHandle) throws(LuaFleetError) { self.handle = try handle.checked(.queue) }

    /// - Parameters:
    ///   - capacity: values that it holds before `put` waits, at least 1; default: no limit.
    ///   - name: tasks and the host meet at it; default: none.
    ///   - policy: for items whose consumer dies; default: requeue.
    public init(capacity: Int? = nil, name: String? = nil, policy: LuaQueuePolicy = .requeue) throws(LuaFleetError) {
        handle = try Self.create(
            .queue, try Self.creation(name, [.optional(capacity), .string(LuaString(policy.rawValue))]))[0]
    }
}

/// A queue whose items are said to be done: `multiprocessing.JoinableQueue`.
public struct LuaJoinableQueue: LuaQueueOperations {
    public let handle: LuaHandle

    public init(_ handle: LuaHandle) throws(LuaFleetError) { self.handle = try handle.checked(.joinableQueue) }

    /// As of ``LuaQueue``.
    public init(capacity: Int? = nil, name: String? = nil, policy: LuaQueuePolicy = .requeue) throws(LuaFleetError) {
        handle = try Self.create(
            .joinableQueue, try Self.creation(name, [.optional(capacity), .string(LuaString(policy.rawValue))]))[0]
    }

    /// One value that was got is done.
    ///
    /// - Throws: ``LuaFleetError`` with code `sharedObject` when it is said more often than there were values.
    public func taskDone() throws(LuaFleetError) { try ask(.taskDone) }

    /// Waits until every value that was put is done.
    public func join(timeout: Duration? = nil) async throws {
        if try await wait(.join, timeout: timeout).status == .timedOut {
            throw timedOut("not everything was done", timeout)
        }
    }
}

/// A queue without a capacity: `multiprocessing.SimpleQueue`.
public struct LuaSimpleQueue: LuaQueueOperations {
    public let handle: LuaHandle

    public init(_ handle: LuaHandle) throws(LuaFleetError) { self.handle = try handle.checked(.simpleQueue) }

    public init(name: String? = nil) throws(LuaFleetError) {
        handle = try Self.create(.simpleQueue, try Self.creation(name))[0]
    }
}

extension LuaValue {
    static func optional(_ value: Int?) -> LuaValue { value.map { .integer(Int64($0)) } ?? .nil }
}
