// Names, events and actions of the shared objects' core.
import LuaFleetWire

/// Who asks: a task of a worker, a task of the host, or a process that keeps handles between its tasks. Given out by the shell, never again.
package struct PartyID: Hashable, Sendable {
    package var number: UInt64

    package init(_ number: UInt64) {
        self.number = number
    }
}

/// A shared object, by the number in its handles. Never given out again.
package typealias SharedID = UInt64

/// One request of a party; given out by the shell, never again.
package typealias SharedRequestID = UInt64

/// What a party asks.
package struct SharedRequest: Sendable {
    package var operation: SharedOperation
    package var object: SharedID
    /// nil: as long as it takes; zero: what can be had at once.
    package var timeout: Duration?
    package var argument: Int64
    package var item: SharedItem

    package init(
        _ operation: SharedOperation, _ object: SharedID = 0, timeout: Duration? = nil, argument: Int64 = 0,
        item: SharedItem = .empty
    ) {
        self.operation = operation
        self.object = object
        self.timeout = timeout
        self.argument = argument
        self.item = item
    }
}

/// How a request ended.
package struct SharedAnswer: Equatable, Sendable {
    package var status: SharedStatus
    /// A message; the text of a failure is its only value.
    package var item: SharedItem
    /// Mapped memory whose descriptor goes with it; 0: none.
    package var memory: SharedID

    package init(_ status: SharedStatus, _ item: SharedItem = .empty, memory: SharedID = 0) {
        self.status = status
        self.item = item
        self.memory = memory
    }

    package static let done = SharedAnswer(.done)
    package static let timedOut = SharedAnswer(.timedOut)
    package static let closed = SharedAnswer(.closed)

    /// An error of the caller's script, in a line that names the object.
    package static func failed(_ text: String) -> SharedAnswer {
        SharedAnswer(.failed, .values { $0.string(text) })
    }

    package static func integer(_ value: Int64) -> SharedAnswer {
        SharedAnswer(.done, .values { $0.integer(value) })
    }

    package static func boolean(_ value: Bool) -> SharedAnswer {
        SharedAnswer(.done, .values { $0.boolean(value) })
    }
}

extension SharedItem {
    /// A message of `count` values that `write` writes.
    package static func values(_ count: Int = 1, _ write: (inout ValueWriter) -> Void) -> SharedItem {
        var writer = ValueWriter(capacity: 64)
        writer.beginMessage(items: count)
        write(&writer)
        return SharedItem(bytes: writer.bytes())
    }

    /// A message of these handles.
    package static func handles(_ handles: [SharedHandle]) -> SharedItem {
        var item = values(handles.count) { writer in
            for handle in handles { writer.handle(handle) }
        }
        item.handles = handles
        return item
    }
}

extension ValueWriter {
    package mutating func handle(_ handle: SharedHandle) {
        tag(ValueTag.handle)
        array(count: 2)
        head(ValueMajor.unsigned, UInt64(handle.kind))
        head(ValueMajor.unsigned, handle.id)
    }
}

/// What lies in mapped memory.
package struct MappedLayout: Equatable, Sendable {
    package var kind: SharedKind
    /// Of a value's or an array's elements; of others u8.
    package var element: SharedElement
    /// Elements, bytes or slots.
    package var count: Int
    /// What it begins with: the values of a message, each for one element or slot; none: zeros.
    package var initial: SharedItem

    package init(kind: SharedKind, element: SharedElement, count: Int, initial: SharedItem) {
        self.kind = kind
        self.element = element
        self.count = count
        self.initial = initial
    }
}

/// What the shell has to do.
package enum SharedAction: Equatable, Sendable {
    /// The request has ended. Each request ends once.
    case reply(SharedRequestID, SharedAnswer)
    /// Make the memory of a new object, then say `memoryAllocated`.
    case allocate(SharedID, MappedLayout, SharedRequestID)
    /// Nobody has a handle of this mapped memory any more.
    case discard(SharedID)
    /// Make memory for lending this lock, queue or end of a pipe. It begins as not lent.
    case makeLent(SharedID, isRing: Bool)
    /// Write this into the memory; from then on it is lent. If it cannot be, for now: `tookBack` with the same content, `wasRefused`.
    case lend(SharedID, LentContent)
    /// Say in the memory who has the lock, which is not lent.
    case publish(SharedID, PartyID?)
    /// The object is gone: nobody goes on with its memory.
    case endLent(SharedID)
}
