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

/// The fixed part in front of a task's payload; the function's name and the encoded arguments follow.
package struct TaskHead: Equatable, Sendable {
    package static let size = 24

    package var script: UInt32
    package var isolation: WireIsolation
    /// Whether the arguments also stand in the global `arg`, as for a script run by `lua`.
    package var setsArg: Bool
    /// Bytes of the function's name; 0: the chunk itself.
    package var functionLength: UInt16
    /// From 1.
    package var attempt: UInt32
    /// From 1.
    package var index: UInt64

    package init(
        script: UInt32, isolation: WireIsolation, setsArg: Bool, functionLength: UInt16 = 0, attempt: UInt32,
        index: UInt64
    ) {
        self.script = script
        self.isolation = isolation
        self.setsArg = setsArg
        self.functionLength = functionLength
        self.attempt = attempt
        self.index = index
    }

    package func store(to target: UnsafeMutableRawPointer) {
        target.storeBytes(of: script.littleEndian, as: UInt32.self)
        target.storeBytes(of: isolation.rawValue, toByteOffset: 4, as: UInt8.self)
        target.storeBytes(of: setsArg ? 1 : 0, toByteOffset: 5, as: UInt8.self)
        target.storeBytes(of: functionLength.littleEndian, toByteOffset: 6, as: UInt16.self)
        target.storeBytes(of: attempt.littleEndian, toByteOffset: 8, as: UInt32.self)
        target.storeBytes(of: 0, toByteOffset: 12, as: UInt32.self)
        target.storeBytes(of: index.littleEndian, toByteOffset: 16, as: UInt64.self)
    }

    package init?(from reader: inout FieldReader) {
        guard let script = reader.integer(UInt32.self), let rawIsolation = reader.integer(UInt8.self),
            let isolation = WireIsolation(rawValue: rawIsolation), let setsArg = reader.integer(UInt8.self),
            let functionLength = reader.integer(UInt16.self), let attempt = reader.integer(UInt32.self),
            reader.integer(UInt32.self) != nil, let index = reader.integer(UInt64.self)
        else { return nil }
        self.init(
            script: script, isolation: isolation, setsArg: setsArg != 0, functionLength: functionLength,
            attempt: attempt, index: index)
    }
}

/// The fixed part in front of a `values` or `failure` payload; the encoded results or the failure message follow.
package struct AnswerHead: Equatable, Sendable {
    package static let size = 16

    /// From the task's start in Lua to its end, by the monotonic clock.
    package var nanoseconds: UInt64
    /// The process that ran it: the worker's, or the task's own.
    package var pid: Int32

    package init(nanoseconds: UInt64, pid: Int32) {
        self.nanoseconds = nanoseconds
        self.pid = pid
    }

    package func store(to target: UnsafeMutableRawPointer) {
        target.storeBytes(of: nanoseconds.littleEndian, as: UInt64.self)
        target.storeBytes(of: pid.littleEndian, toByteOffset: 8, as: Int32.self)
        target.storeBytes(of: 0, toByteOffset: 12, as: UInt32.self)
    }

    package init?(from reader: inout FieldReader) {
        guard let nanoseconds = reader.integer(UInt64.self), let pid = reader.integer(Int32.self),
            reader.integer(UInt32.self) != nil
        else { return nil }
        self.init(nanoseconds: nanoseconds, pid: pid)
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
package enum OutputStream: UInt8, Sendable, CaseIterable {
    case standardOutput = 1
    case standardError = 2
}
