// What host and worker say to each other about tasks, as plain values.

/// How much a task shares with the tasks before it on the same worker. F32.
package enum WireIsolation: UInt8, Sendable, CaseIterable {
    case shared = 0  // one Lua state for the life of the worker
    case freshState = 1  // a new Lua state for each task, same process
    case freshProcess = 2  // a process forked for each task
}

/// A script, sent once to each worker that needs it.
package struct ScriptDefinition: Equatable, Sendable {
    /// What `source` holds. A closed set.
    package enum Form: UInt32, Sendable, CaseIterable {
        /// Lua source.
        case text = 0
        /// Lua source, or a chunk that luac compiled.
        case textOrBytecode = 1
        /// A message with one item: a function by value, or by the name of its library.
        case function = 2
    }

    package var id: UInt32
    package var form: Form
    /// Lua's chunk name: "@a.lua" or "=(source)".
    package var chunkName: [UInt8]
    package var source: [UInt8]

    package init(id: UInt32, form: Form, chunkName: [UInt8], source: [UInt8]) {
        self.id = id
        self.form = form
        self.chunkName = chunkName
        self.source = source
    }

    package var payload: [UInt8] {
        var bytes = [UInt8]()
        bytes.reserveCapacity(16 + chunkName.count + source.count)
        bytes.append(integer: id)
        bytes.append(integer: form.rawValue)
        bytes.append(counted: chunkName)
        bytes.append(contentsOf: source)
        return bytes
    }

    package init?(payload: UnsafeRawBufferPointer) {
        var reader = FieldReader(payload)
        guard let id = reader.integer(UInt32.self), let form = reader.integer(UInt32.self).flatMap(Form.init),
            let name = reader.counted(), !name.contains(0)
        else { return nil }
        self.init(id: id, form: form, chunkName: Array(name), source: Array(reader.rest))
    }
}

/// The fixed part in front of a task frame's payload; the function's name and the encoded arguments of `count` tasks follow, message after message.
/// The frame's header has the number of the first task; the others have the numbers after it.
package struct TaskHead: Equatable, Sendable {
    @inlinable package static var size: Int { 32 }

    package var script: UInt32
    package var isolation: WireIsolation
    /// Whether the arguments also stand in the global `arg`, as for a script run by `lua`.
    package var setsArg: Bool
    /// Whether the worker's page says of each task when it began; else only of the first.
    package var stampsTimes: Bool
    /// Whether output is sent as it comes; else with what comes after it.
    package var sendsOutput = false
    /// Bytes of the function's name; 0: the chunk itself.
    package var functionLength: UInt16
    /// From 1.
    package var attempt: UInt32
    /// Tasks; from 1.
    package var count: UInt32
    /// Of the first task, from 1; the others follow.
    package var index: UInt64
    /// The tasks begin only while the worker's page is at this epoch.
    package var epoch: UInt32

    package init(
        script: UInt32, isolation: WireIsolation, setsArg: Bool, stampsTimes: Bool = false, functionLength: UInt16 = 0,
        attempt: UInt32, count: UInt32 = 1, index: UInt64, epoch: UInt32 = 0
    ) {
        self.script = script
        self.isolation = isolation
        self.setsArg = setsArg
        self.stampsTimes = stampsTimes
        self.functionLength = functionLength
        self.attempt = attempt
        self.count = count
        self.index = index
        self.epoch = epoch
    }

    package func store(to target: UnsafeMutableRawPointer) {
        target.storeBytes(of: script.littleEndian, as: UInt32.self)
        target.storeBytes(of: isolation.rawValue, toByteOffset: 4, as: UInt8.self)
        target.storeBytes(
            of: (setsArg ? 1 : 0) | (stampsTimes ? 2 : 0) | (sendsOutput ? 4 : 0), toByteOffset: 5, as: UInt8.self)
        target.storeBytes(of: functionLength.littleEndian, toByteOffset: 6, as: UInt16.self)
        target.storeBytes(of: attempt.littleEndian, toByteOffset: 8, as: UInt32.self)
        target.storeBytes(of: count.littleEndian, toByteOffset: 12, as: UInt32.self)
        target.storeBytes(of: index.littleEndian, toByteOffset: 16, as: UInt64.self)
        target.storeBytes(of: epoch.littleEndian, toByteOffset: 24, as: UInt32.self)
        target.storeBytes(of: 0, toByteOffset: 28, as: UInt32.self)
    }

    package init?(from reader: inout FieldReader) {
        guard let script = reader.integer(UInt32.self), let rawIsolation = reader.integer(UInt8.self),
            let isolation = WireIsolation(rawValue: rawIsolation), let options = reader.integer(UInt8.self),
            options < 8, let functionLength = reader.integer(UInt16.self), let attempt = reader.integer(UInt32.self),
            let count = reader.integer(UInt32.self), count > 0, let index = reader.integer(UInt64.self),
            let epoch = reader.integer(UInt32.self), reader.integer(UInt32.self) == 0
        else { return nil }
        self.init(
            script: script, isolation: isolation, setsArg: options & 1 != 0, stampsTimes: options & 2 != 0,
            functionLength: functionLength, attempt: attempt, count: count, index: index, epoch: epoch)
        sendsOutput = options & 4 != 0
    }
}

/// The fixed part in front of a `values` or `failure` payload. In a `values` frame the encoded results of `count` tasks follow, message after message: of the task that the
/// frame's header names and of those after it. In a `failure` frame the failure message of one task follows.
package struct AnswerHead: Equatable, Sendable {
    @inlinable package static var size: Int { 16 }

    /// From the start of the first task in Lua to the end of the last, by the monotonic clock.
    package var nanoseconds: UInt64
    /// The process that ran them: the worker's, or the task's own.
    package var pid: Int32
    /// Tasks; from 1.
    package var count: UInt32

    package init(nanoseconds: UInt64, pid: Int32, count: UInt32 = 1) {
        self.nanoseconds = nanoseconds
        self.pid = pid
        self.count = count
    }

    package func store(to target: UnsafeMutableRawPointer) {
        target.storeBytes(of: nanoseconds.littleEndian, as: UInt64.self)
        target.storeBytes(of: pid.littleEndian, toByteOffset: 8, as: Int32.self)
        target.storeBytes(of: count.littleEndian, toByteOffset: 12, as: UInt32.self)
    }

    package init?(from reader: inout FieldReader) {
        guard let nanoseconds = reader.integer(UInt64.self), let pid = reader.integer(Int32.self),
            let count = reader.integer(UInt32.self), count > 0
        else { return nil }
        self.init(nanoseconds: nanoseconds, pid: pid, count: count)
    }
}

/// Why a worker says that a task failed; the flags of a `failure` frame. The numbers are those of `lfvm_status`.
package enum WireFailure: UInt8, Sendable, CaseIterable {
    case scriptError = 1
    case memoryLimit = 2
    case notEncodable = 3
    case resultLimit = 4
    case loadError = 5
    case noFunction = 6
    case badMessage = 7
    case outputLimit = 8
    case instructionLimit = 9
}

/// The flags of an `output` frame.
package enum OutputStream: UInt8, Sendable {
    case standardOutput = 1
    case standardError = 2
}
