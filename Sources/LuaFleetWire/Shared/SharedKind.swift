// The kinds of shared objects, as a handle on the wire names them.

/// What a shared object is: the first number of a handle (tag 61921). The numbers are those of `shared_kinds` in LuaVM.
package enum SharedKind: UInt32, Sendable, CaseIterable {
    case queue = 1
    case joinableQueue = 2
    case simpleQueue = 3
    /// One end of a pipe.
    case connection = 4
    case lock = 5
    case recursiveLock = 6
    case semaphore = 7
    case boundedSemaphore = 8
    case event = 9
    case condition = 10
    case barrier = 11
    case dictionary = 12
    case list = 13
    case namespace = 14
    case value = 15
    case array = 16
    case memory = 17
    case shareableList = 18

    /// The word for it in messages.
    package var word: String {
        switch self {
        case .queue: "queue"
        case .joinableQueue: "joinable queue"
        case .simpleQueue: "simple queue"
        case .connection: "connection"
        case .lock: "lock"
        case .recursiveLock: "recursive lock"
        case .semaphore: "semaphore"
        case .boundedSemaphore: "bounded semaphore"
        case .event: "event"
        case .condition: "condition"
        case .barrier: "barrier"
        case .dictionary: "dictionary"
        case .list: "list"
        case .namespace: "namespace"
        case .value: "shared value"
        case .array: "shared array"
        case .memory: "shared memory"
        case .shareableList: "shareable list"
        }
    }

    package var isQueue: Bool { self == .queue || self == .joinableQueue || self == .simpleQueue }
    package var isTable: Bool { self == .dictionary || self == .list || self == .namespace }
    /// Whether it lies in mapped memory.
    package var isMapped: Bool { rawValue >= SharedKind.value.rawValue }
    package var isSemaphore: Bool { self == .semaphore || self == .boundedSemaphore }
    /// Whether it has a lock with one owner: a lock, a condition with its lock, mapped memory.
    package var isLock: Bool { self == .lock || self == .recursiveLock || isMapped }
}

/// The type of the elements of a shared value or array. The numbers are those of `shared_types` in LuaVM.
package enum SharedElement: UInt32, Sendable, CaseIterable {
    case i8 = 1
    case i16, i32, i64, u8, u16, u32, u64, f32, f64, bool

    /// Its name in `fleet.Value("i64", 0)`.
    package var name: String { "\(self)" }

    package init?(name: String) {
        guard let found = Self.allCases.first(where: { $0.name == name }) else { return nil }
        self = found
    }

    /// Bytes of one.
    package var size: Int {
        switch self {
        case .i8, .u8, .bool: 1
        case .i16, .u16: 2
        case .i32, .u32, .f32: 4
        case .i64, .u64, .f64: 8
        }
    }
}
