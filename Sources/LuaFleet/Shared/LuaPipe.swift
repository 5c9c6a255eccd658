// Pipes in Swift: two ends, and waiting for several objects.
import LuaFleetCore
import LuaFleetWire

/// One end of a pipe: `multiprocessing.Connection`.
///
/// An end belongs to one process at a time: it closes when the only process that used it ends, and then the other end receives what is still there and
/// then nil. The host keeps the end that it uses itself.
public struct LuaConnection: LuaSharedObject {
    public let handle: LuaHandle

    public init(_ handle: LuaHandle) throws(LuaFleetError) { self.handle = try handle.checked(.connection) }

    /// Sends a value. Waits while the other side has 64 MiB to receive.
    ///
    /// - Throws: ``LuaFleetError`` with code `sharedObject` when this or the other end is closed, or this end only receives.
    public func send(_ value: some Encodable & Sendable, timeout: Duration? = nil) async throws {
        if try await wait(.send, timeout: timeout, item: try Self.encode(value)).status == .timedOut {
            throw timedOut("no room", timeout)
        }
    }

    /// The next value; nil at the end of the stream. Default: waits as long as it takes.
    public func receive<R: Decodable & Sendable>(_ type: R.Type = R.self, timeout: Duration? = nil) async throws -> R? {
        let answer = try await wait(.receive, timeout: timeout)
        switch answer.status {
        case .timedOut: throw timedOut("nothing came", timeout)
        case .closed: return nil
        default: return try answer.value(R.self)
        }
    }

    /// Whether there is something to receive, or the end of the stream; waits for it up to `timeout`, by default not at all.
    public func poll(timeout: Duration = .zero) async throws -> Bool {
        try await wait(.poll, timeout: timeout).boolean
    }

    /// Closes this end, for everybody who has a handle of it. Closing twice is an error of the second.
    public func close() throws(LuaFleetError) { try ask(.close) }

    /// The values until the end of the stream.
    public func values<R: Decodable & Sendable>(_ type: R.Type = R.self) -> AsyncThrowingStream<R, any Error> {
        AsyncThrowingStream(unfolding: { try await receive(R.self) })
    }
}

/// A pipe: `multiprocessing.Pipe`.
public struct LuaPipe: Sendable {
    /// Receives; in a duplex pipe sends too.
    public let first: LuaConnection
    /// Sends; in a duplex pipe receives too.
    public let second: LuaConnection

    /// - Parameter duplex: whether values go both ways; default true. One-way: from ``second`` to ``first``.
    public init(duplex: Bool = true) throws(LuaFleetError) {
        let ends = try LuaConnection.create(.connection, try LuaConnection.creation(nil, [.boolean(duplex)]))
        first = try LuaConnection(ends[0])
        second = try LuaConnection(ends[1])
    }
}

/// Waits until one of several queues, connections and events is ready: something to get or receive, the end of a stream, set. What `fleet.wait` is in
/// Lua and `multiprocessing.connection.wait` in Python. Nothing is taken: somebody else may come first.
///
/// - Parameter timeout: default: as long as it takes.
/// - Returns: the places of those that are ready; empty when none is in time.
/// - Throws: ``LuaFleetError`` with code `sharedObject` for another kind of object.
public func waitForAny(_ objects: [any LuaSharedObject], timeout: Duration? = nil) async throws -> [Int] {
    let handles = objects.map { SharedHandle(kind: $0.handle.kind, id: $0.handle.id) }
    let request = SharedRequest(.waitForAny, timeout: timeout, item: .handles(handles))
    let answer = try await SharedHub.shared.answer(request).checked()
    return try withExtendedLifetime(objects) {
        if answer.status == .timedOut || answer.item.bytes.count <= 1, Task.isCancelled { throw CancellationError() }
        return try LuaResults(message: answer.item.bytes).compactMap { $0.int.map { $0 - 1 } }
    }
}
