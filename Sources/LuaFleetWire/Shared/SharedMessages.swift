// What a task asks of shared objects and what it is answered, as the fixed parts of `request` and `reply` frames.

/// What is asked. The numbers are those of `shared_operations` in LuaVM. "message": what items follow the fixed part.
package enum SharedOperation: UInt16, Sendable, CaseIterable {
    // Any object.
    /// `argument`: the kind; message: name or nil, then what the kind needs. Answer: a handle; of a pipe two.
    case create = 1
    /// The worker's Lua has let go of a handle that it had received `argument` times. Never answered.
    case forget = 2
    case close = 3
    /// Message: handles. Answer: the numbers, from 1, of those that are ready.
    case waitForAny = 4
    /// The request of number `argument`, if it still waits, is answered as if its time were over. Never answered itself.
    case withdraw = 5
    /// The task that ends leaves what it has of a lock or queue that the host has taken back. Never answered.
    case leave = 6

    // Queues.
    case put = 10
    case get = 11
    case size = 12
    case taskDone = 13
    case join = 14

    // Connections.
    case send = 20
    case receive = 21
    case poll = 22

    // Locks, semaphores, conditions' locks, mapped memory's locks.
    case acquire = 30
    case release = 31
    case value = 32

    // Events.
    case set = 40
    case clear = 41
    case isSet = 42
    case wait = 43

    // Conditions.
    case waitForNotice = 50
    /// `argument`: how many; -1: all.
    case notify = 51

    // Barriers.
    case arrive = 60
    case abort = 61
    case reset = 62
    case waitingParties = 63

    // Tables. Message: key, value.
    case tableGet = 70
    case tableSet = 71
    case tableCount = 72
    /// Answer: an array of key, value, key, value, …
    case tableEntries = 73
    /// Answer: the value. Nobody else writes to the table until `endUpdate`, or until the budget (the timeout) has passed.
    case beginUpdate = 74
    /// `argument` 0: message: key, new value; 1: nothing changes.
    case endUpdate = 75
    /// Message: position or nil, value.
    case tableInsert = 76
    /// Message: position or nil. Answer: the value.
    case tableRemove = 77
    case tableClear = 78

    // Mapped memory, and what the host lends. `argument` 1: of a connection, what the other end receives.
    // Answer: element type or 0, count, the name in messages, the process's number, where the lock lies, whether it is recursive; with the descriptor.
    case map = 90
}

/// How a request ended; the flags of a `reply` frame. The numbers are those of `lfvm_reply_status`.
package enum SharedStatus: UInt8, Sendable, CaseIterable {
    case done = 0
    /// The time is over: nothing there, no room, no lock.
    case timedOut = 1
    /// The end of a queue's or a pipe's stream.
    case closed = 2
    /// As `done`, and: the owner before died with it.
    case ownerDied = 3
    /// A barrier broke.
    case broken = 4
    /// The message says why.
    case failed = 5
}

/// The fixed part in front of a `request` payload; a message follows.
package struct SharedRequestHead: Equatable, Sendable {
    @inlinable package static var size: Int { 32 }

    /// The worker's number for it, which the reply repeats. 0: no reply is wanted.
    package var number: UInt32
    package var operation: SharedOperation
    /// Whether the message holds handles.
    package var hasHandles: Bool
    /// 0: none.
    package var object: UInt64
    /// Nanoseconds; -1: as long as it takes.
    package var timeout: Int64
    package var argument: Int64

    package init(
        number: UInt32, operation: SharedOperation, hasHandles: Bool = false, object: UInt64 = 0, timeout: Int64 = -1,
        argument: Int64 = 0
    ) {
        self.number = number
        self.operation = operation
        self.hasHandles = hasHandles
        self.object = object
        self.timeout = timeout
        self.argument = argument
    }

    package func store(to target: UnsafeMutableRawPointer) {
        target.storeBytes(of: number.littleEndian, as: UInt32.self)
        target.storeBytes(of: operation.rawValue.littleEndian, toByteOffset: 4, as: UInt16.self)
        target.storeBytes(of: hasHandles ? 1 : 0, toByteOffset: 6, as: UInt16.self)
        target.storeBytes(of: object.littleEndian, toByteOffset: 8, as: UInt64.self)
        target.storeBytes(of: timeout.littleEndian, toByteOffset: 16, as: Int64.self)
        target.storeBytes(of: argument.littleEndian, toByteOffset: 24, as: Int64.self)
    }

    package init?(from reader: inout FieldReader) {
        guard let number = reader.integer(UInt32.self), let raw = reader.integer(UInt16.self),
            let operation = SharedOperation(rawValue: raw), let flags = reader.integer(UInt16.self), flags <= 1,
            let object = reader.integer(UInt64.self), let timeout = reader.integer(Int64.self),
            let argument = reader.integer(Int64.self)
        else { return nil }
        self.init(
            number: number, operation: operation, hasHandles: flags == 1, object: object, timeout: timeout,
            argument: argument)
    }
}

/// The fixed part in front of a `reply` payload; a message follows. The status is in the frame's flags.
package struct SharedReplyHead: Equatable, Sendable {
    @inlinable package static var size: Int { 8 }

    package var number: UInt32
    /// Whether a descriptor comes with the frame (SCM_RIGHTS, unix(7)), attached to its first byte.
    package var hasDescriptor: Bool

    package init(number: UInt32, hasDescriptor: Bool) {
        self.number = number
        self.hasDescriptor = hasDescriptor
    }

    package func append(to bytes: inout [UInt8]) {
        bytes.append(integer: number)
        bytes.append(integer: UInt32(hasDescriptor ? 1 : 0))
    }

    package init?(from reader: inout FieldReader) {
        guard let number = reader.integer(UInt32.self), let flag = reader.integer(UInt32.self), flag <= 1 else {
            return nil
        }
        self.init(number: number, hasDescriptor: flag == 1)
    }
}
