// Events, conditions and barriers in Swift.
import LuaFleetCore
import LuaFleetWire

/// A flag that tasks wait for: `multiprocessing.Event`.
public struct LuaEvent: LuaSharedObject {
    public let handle: LuaHandle

    public init(_ handle: LuaHandle) throws(LuaFleetError) { self.handle = try handle.checked(.event) }

    public init(name: String? = nil) throws(LuaFleetError) {
        handle = try Self.create(.event, try Self.creation(name))[0]
    }

    public var isSet: Bool { get throws(LuaFleetError) { try ask(.isSet).boolean } }
    /// Sets it; everybody who waits goes on.
    public func set() throws(LuaFleetError) { try ask(.set) }
    public func clear() throws(LuaFleetError) { try ask(.clear) }

    /// Waits until it is set. False: it was not in time. Default: as long as it takes.
    @discardableResult
    public func wait(timeout: Duration? = nil) async throws -> Bool {
        try await wait(.wait, timeout: timeout).status == .done
    }
}

/// A lock whose owners wait for notices: `multiprocessing.Condition`.
public struct LuaCondition: LuaAcquirable {
    public let handle: LuaHandle

    public init(_ handle: LuaHandle) throws(LuaFleetError) { self.handle = try handle.checked(.condition) }

    /// With a recursive lock of its own.
    public init(name: String? = nil) throws(LuaFleetError) {
        handle = try Self.create(.condition, try Self.creation(name))[0]
    }

    /// With this lock, which other conditions may share.
    public init(_ lock: LuaLock, name: String? = nil) throws(LuaFleetError) {
        handle = try Self.create(.condition, try Self.creation(name, [lock.value]))[0]
    }

    /// With this lock, which other conditions may share.
    public init(_ lock: LuaRecursiveLock, name: String? = nil) throws(LuaFleetError) {
        handle = try Self.create(.condition, try Self.creation(name, [lock.value]))[0]
    }

    /// Lets the lock go, waits for a notice, and takes the lock back. False: no notice came in time; the lock is held all the same.
    ///
    /// - Throws: ``LuaFleetError`` with code `sharedObject` when the task does not hold the lock.
    @discardableResult
    public func wait(timeout: Duration? = nil) async throws -> Bool {
        try await wait(.waitForNotice, timeout: timeout).status != .timedOut
    }

    /// Wakes up to `count` of those who wait, oldest first; default 1. The task holds the lock.
    public func notify(_ count: Int = 1) throws(LuaFleetError) { try ask(.notify, argument: Int64(max(0, count))) }
    public func notifyAll() throws(LuaFleetError) { try ask(.notify, argument: -1) }
}

/// A place where a number of tasks wait for each other: `multiprocessing.Barrier`. It breaks when one of them dies, gives up or is too late.
public struct LuaBarrier: LuaSharedObject {
    public let handle: LuaHandle

    public init(_ handle: LuaHandle) throws(LuaFleetError) { self.handle = try handle.checked(.barrier) }

    /// - Parameter parties: at least 1.
    public init(parties: Int, name: String? = nil) throws(LuaFleetError) {
        handle = try Self.create(.barrier, try Self.creation(name, [.integer(Int64(parties))]))[0]
    }

    /// Waits until all parties are here. Returns the place of this one among them, from 1.
    ///
    /// - Throws: ``LuaFleetError`` with code `brokenBarrier`, or `timeout`, which breaks it for the others.
    @discardableResult
    public func wait(timeout: Duration? = nil) async throws -> Int {
        let answer = try await wait(.arrive, timeout: timeout)
        switch answer.status {
        case .timedOut: throw timedOut("not everybody came", timeout)
        case .broken: throw LuaFleetError(code: .brokenBarrier, message: "\(self): it is broken")
        default: return answer.integer
        }
    }

    /// Breaks it: who waits, and who comes, is told, until ``reset()``.
    public func abort() throws(LuaFleetError) { try ask(.abort) }
    /// As new; who waits is told that it broke.
    public func reset() throws(LuaFleetError) { try ask(.reset) }

    /// Who waits now.
    public var waiting: Int { get throws(LuaFleetError) { try ask(.waitingParties).integer } }
    public var isBroken: Bool {
        get throws(LuaFleetError) {
            let answer = try ask(.waitingParties)
            return (try? LuaResults(message: answer.item.bytes))?[2] == .boolean(true)
        }
    }
}
