// Locks and semaphores in Swift.
import LuaFleetCore
import LuaFleetWire

/// How a lock or permit was got.
public enum LuaAcquisition: Sendable, Hashable {
    case acquired
    /// Acquired, and the task that had it before ended without letting it go: what it protects may be half done.
    case ownerDied
}

/// The operations that locks, semaphores, conditions and mapped objects have. In Swift the owner is the Swift task: the one that acquires also releases.
public protocol LuaAcquirable: LuaSharedObject {}

extension LuaAcquirable {
    /// Waits until it is free and takes it.
    ///
    /// - Parameter timeout: default: as long as it takes.
    /// - Throws: ``LuaFleetError`` with code `timeout`; with code `sharedObject` when tasks would wait for each other for ever: the message says who
    ///   holds and who waits for what.
    @discardableResult
    public func acquire(timeout: Duration? = nil) async throws -> LuaAcquisition {
        let answer = try await wait(.acquire, timeout: timeout)
        if answer.status == .timedOut { throw timedOut("not free", timeout) }
        return answer.status == .ownerDied ? .ownerDied : .acquired
    }

    /// Takes it if it is free; else nil.
    public func tryAcquire() throws(LuaFleetError) -> LuaAcquisition? {
        switch try ask(.acquire).status {
        case .done: .acquired
        case .ownerDied: .ownerDied
        default: nil
        }
    }

    /// Lets it go: the longest waiting has it next.
    ///
    /// - Throws: ``LuaFleetError`` with code `sharedObject` when the task does not hold it.
    public func release() throws(LuaFleetError) { try ask(.release) }

    /// Runs `body` while holding it, and lets it go however `body` ends.
    public func withLock<R>(isolation: isolated (any Actor)? = #isolation, _ body: () async throws -> R) async throws
        -> R
    {
        try await acquire()
        do {
            let result = try await body()
            try release()
            return result
        } catch {
            try? release()  // the first error is the one that tells
            throw error
        }
    }
}

/// A lock: `multiprocessing.Lock`. When its owner dies the next in line has it and is told.
public struct LuaLock: LuaAcquirable {
    public let handle: LuaHandle

    public init(_ handle: LuaHandle) throws(LuaFleetError) { self.handle = try handle.checked(.lock) }

    public init(name: String? = nil) throws(LuaFleetError) {
        handle = try Self.create(.lock, try Self.creation(name))[0]
    }

    /// Whether somebody holds it.
    public var isLocked: Bool { get throws(LuaFleetError) { try ask(.value).boolean } }
}

/// A lock that its owner may take again: `multiprocessing.RLock`. It is free when it was released as often.
public struct LuaRecursiveLock: LuaAcquirable {
    public let handle: LuaHandle

    public init(_ handle: LuaHandle) throws(LuaFleetError) { self.handle = try handle.checked(.recursiveLock) }

    public init(name: String? = nil) throws(LuaFleetError) {
        handle = try Self.create(.recursiveLock, try Self.creation(name))[0]
    }

    /// Whether somebody holds it.
    public var isLocked: Bool { get throws(LuaFleetError) { try ask(.value).boolean } }
}

/// A number of permits: `multiprocessing.Semaphore`, and `BoundedSemaphore` where `isBounded`. Permits of a task that dies are given back.
public struct LuaSemaphore: LuaAcquirable {
    public let handle: LuaHandle

    public init(_ handle: LuaHandle) throws(LuaFleetError) {
        self.handle = try handle.checked(.semaphore, .boundedSemaphore)
    }

    /// - Parameters:
    ///   - value: permits at first, 0 or more; default 1.
    ///   - isBounded: whether a release above `value` is an error; default false.
    ///   - name: default: none.
    public init(_ value: Int = 1, isBounded: Bool = false, name: String? = nil) throws(LuaFleetError) {
        handle = try Self.create(
            isBounded ? .boundedSemaphore : .semaphore, try Self.creation(name, [.integer(Int64(value))]))[0]
    }

    /// Permits that are free.
    public var permits: Int { get throws(LuaFleetError) { try ask(.value).integer } }
}
