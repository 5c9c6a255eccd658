// What all shared objects have in common in Swift: they pass as values, and their requests may fail or wait.
import LuaFleetCore
import LuaFleetWire
import NIOConcurrencyHelpers

/// An object of the host that tasks of every pool, and the app, use together.
///
/// It passes as an argument, a result, a queue's item or a field of a table: what arrives there is the same object. It lives while anybody has a handle
/// of it; what has a name, also while a pool is open whose tasks met at the name. Thread-safe. Two are equal when they are the same object.
///
/// Every operation may throw ``LuaFleetError`` with code `sharedObject` and a line that names the object; one that waits also code `timeout`, or
/// `CancellationError` when the surrounding task is cancelled.
public protocol LuaSharedObject: Codable, Hashable, Sendable, CustomStringConvertible {
    /// The object as a value.
    var handle: LuaHandle { get }

    /// The object that a value names.
    ///
    /// - Throws: ``LuaFleetError`` with code `sharedObject` when it is of another kind, or gone.
    init(_ handle: LuaHandle) throws(LuaFleetError)
}

extension LuaSharedObject {
    /// As a ``LuaValue``.
    public var value: LuaValue { .handle(handle) }

    public func encode(to encoder: any Encoder) throws {
        try LuaValue.handle(handle).encode(to: encoder)
    }

    public init(from decoder: any Decoder) throws {
        guard case .handle(let handle) = try LuaValue(from: decoder) else {
            throw DecodingError.typeMismatch(
                Self.self, .init(codingPath: decoder.codingPath, debugDescription: "expected a shared object"))
        }
        do throws(LuaFleetError) {
            self = try Self(handle)
        } catch {
            throw DecodingError.dataCorrupted(.init(codingPath: decoder.codingPath, debugDescription: error.message))
        }
    }

    public static func == (left: Self, right: Self) -> Bool { left.handle == right.handle }
    public func hash(into hasher: inout Hasher) { hasher.combine(handle) }
    /// "queue jobs", or without a name "queue #3".
    public var description: String { SharedHub.shared.describe(handle.id) }

    var reference: SharedReference {
        get throws(LuaFleetError) {
            guard let reference = handle.reference else { throw .shared("\(handle): there is no such object any more") }
            return reference
        }
    }
}

extension LuaFleetError.Code {
    /// A shared object cannot do what was asked; the message names it.
    public static let sharedObject = LuaFleetError.Code("shared_object")
    /// A barrier broke: a party died, gave up, or aborted it.
    public static let brokenBarrier = LuaFleetError.Code("broken_barrier")
}

extension LuaFleetError {
    static func shared(_ message: String) -> LuaFleetError { LuaFleetError(code: .sharedObject, message: message) }
}

extension LuaHandle {
    /// The handle itself, if it is one of `kinds` and its object is there.
    func checked(_ kinds: SharedKind...) throws(LuaFleetError) -> LuaHandle {
        guard kinds.contains(where: { $0.rawValue == kind }) else {
            let found = SharedKind(rawValue: kind)?.word ?? "shared object"
            throw .shared("a \(kinds[0].word) expected, got a \(found)")
        }
        guard reference != nil else { throw .shared("\(kinds[0].word) #\(id): there is no such object any more") }
        return self
    }
}

// MARK: - Requests

extension LuaSharedObject {
    /// A request that does not wait.
    @discardableResult
    func ask(_ operation: SharedOperation, argument: Int64 = 0, item: SharedItem = .empty) throws(LuaFleetError)
        -> SharedAnswer
    {
        let reference = try reference
        let request = SharedRequest(operation, reference.id, timeout: .zero, argument: argument, item: item)
        return try withExtendedLifetime(reference) { () throws(LuaFleetError) in
            try SharedHub.shared.answer(request).checked()
        }
    }

    /// A request that may wait; a nil timeout: as long as it takes.
    @discardableResult
    func wait(
        _ operation: SharedOperation, timeout: Duration?, argument: Int64 = 0, item: SharedItem = .empty
    ) async throws -> SharedAnswer {
        let reference = try reference
        let request = SharedRequest(operation, reference.id, timeout: timeout, argument: argument, item: item)
        let answer = await SharedHub.shared.answer(request)
        return try withExtendedLifetime(reference) {
            if answer.status == .timedOut, Task.isCancelled { throw CancellationError() }
            return try answer.checked()
        }
    }

    /// What a request that waited and came too late throws.
    func timedOut(_ what: String, _ timeout: Duration?) -> LuaFleetError {
        LuaFleetError(code: .timeout, message: "\(self): \(what) within \(timeout ?? .zero)")
    }

    static func encode(_ value: some Encodable) throws(LuaFleetError) -> SharedItem {
        do {
            let bytes = try LuaMessage.encode(argument: value)
            return SharedItem(bytes: bytes, handles: bytes.withUnsafeBytes { SharedItem.handles(in: $0) })
        } catch {
            throw .notSent(error, to: .source("", name: "a shared object"))
        }
    }

    /// A new object, or the one of that name.
    static func create(_ kind: SharedKind, _ item: SharedItem) throws(LuaFleetError) -> [LuaHandle] {
        let request = SharedRequest(.create, timeout: .zero, argument: Int64(kind.rawValue), item: item)
        let answer = try SharedHub.shared.answer(request).checked()
        return answer.item.handles.map { LuaHandle(SharedReference(adopting: kind, $0.id)) }
    }

    /// A message for `create`: the name and what else the kind needs.
    static func creation(_ name: String?, _ parts: [LuaValue] = []) throws(LuaFleetError) -> SharedItem {
        do {
            let bytes = try LuaMessage.encode(arguments: [name.map { LuaValue.string(LuaString($0)) } ?? .nil] + parts)
            return SharedItem(bytes: bytes, handles: bytes.withUnsafeBytes { SharedItem.handles(in: $0) })
        } catch {
            throw .notSent(error, to: .source("", name: "a shared object"))
        }
    }
}

extension SharedAnswer {
    /// Throws a failure.
    func checked() throws(LuaFleetError) -> SharedAnswer {
        guard status == .failed else { return self }
        throw .shared((try? LuaMessage.decode(String.self, from: item.bytes)) ?? "a shared object refused")
    }

    /// The first value; the handles in it are the value's own from then on.
    func value<R: Decodable>(_ type: R.Type = R.self) throws -> R {
        defer { for handle in item.handles { SharedHub.shared.release(handle.id) } }
        do {
            return try LuaMessage.decode(R.self, from: item.bytes)
        } catch {
            throw LuaFleetError(
                code: .notDecodable, message: "the value is no \(R.self): \(LuaFleetError.describe(error))")
        }
    }

    var boolean: Bool { (try? LuaMessage.decode(Bool.self, from: item.bytes)) ?? false }
    var integer: Int { (try? LuaMessage.decode(Int.self, from: item.bytes)) ?? 0 }
}

extension SharedHub {
    /// The answer to a request that does not wait.
    func answer(_ request: SharedRequest) -> SharedAnswer {
        let box = NIOLockedValueBox<SharedAnswer?>(nil)
        self.request(request, by: .currentTask) { answer, _ in box.withLockedValue { $0 = answer } }
        // Answered before `request` returned: its timeout is zero.
        return box.withLockedValue { $0 } ?? .timedOut
    }

    /// The answer to a request that may wait. When the surrounding task is cancelled, `timedOut`.
    func answer(_ request: SharedRequest) async -> SharedAnswer {
        let party = PartyID.currentTask
        let state = NIOLockedValueBox<(id: SharedRequestID?, isCancelled: Bool)>((nil, false))
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let id = self.request(request, by: party) { answer, _ in continuation.resume(returning: answer) }
                let isCancelled = state.withLockedValue { state in
                    state.id = id
                    return state.isCancelled
                }
                if isCancelled { self.cancel(id) }
            }
        } onCancel: {
            let id = state.withLockedValue { state in
                state.isCancelled = true
                return state.id
            }
            if let id { self.cancel(id) }
        }
    }
}
