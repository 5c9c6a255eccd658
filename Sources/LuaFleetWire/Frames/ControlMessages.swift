// What host and fork server say to each other, as plain values.

/// The version of frames and payloads. Host and worker must have the same one.
package let protocolVersion: UInt32 = 2

/// The release, as `--version` prints it.
package let releaseVersion = "0.1.0"

/// The fork server's first frame.
package struct Hello: Equatable, Sendable {
    package var protocolVersion: UInt32
    package var pid: Int32
    package var release: String

    package init(pid: Int32) {
        self.protocolVersion = LuaFleetWire.protocolVersion
        self.pid = pid
        self.release = releaseVersion
    }

    package var payload: [UInt8] {
        var bytes = [UInt8]()
        bytes.append(integer: protocolVersion)
        bytes.append(integer: pid)
        bytes.append(counted: release.utf8)
        return bytes
    }

    /// Reads the version even where the rest has another shape, so that a mismatch can be named.
    package init(payload: UnsafeRawBufferPointer) throws(ProtocolViolation) {
        var reader = FieldReader(payload)
        guard let version = reader.integer(UInt32.self) else { throw .malformed(.hello) }
        self.protocolVersion = version
        self.pid = reader.integer(Int32.self) ?? 0
        self.release = reader.counted().map { String(decoding: $0, as: UTF8.self) } ?? "?"
    }
}

/// How a process ended and what it used; from wait4(2).
package struct ProcessExit: Equatable, Sendable {
    package enum Reason: Equatable, Sendable {
        case status(Int32)
        case signal(Int32)
    }

    package var pid: Int32
    package var reason: Reason
    package var userTimeMicroseconds: UInt64
    package var systemTimeMicroseconds: UInt64
    package var peakResidentBytes: UInt64

    package init(
        pid: Int32, reason: Reason, userTimeMicroseconds: UInt64 = 0, systemTimeMicroseconds: UInt64 = 0,
        peakResidentBytes: UInt64 = 0
    ) {
        self.pid = pid
        self.reason = reason
        self.userTimeMicroseconds = userTimeMicroseconds
        self.systemTimeMicroseconds = systemTimeMicroseconds
        self.peakResidentBytes = peakResidentBytes
    }

    package func append(to bytes: inout [UInt8]) {
        bytes.append(integer: pid)
        switch reason {
        case .status(let status):
            bytes.append(integer: UInt32(0))
            bytes.append(integer: status)
        case .signal(let signal):
            bytes.append(integer: UInt32(1))
            bytes.append(integer: signal)
        }
        bytes.append(integer: userTimeMicroseconds)
        bytes.append(integer: systemTimeMicroseconds)
        bytes.append(integer: peakResidentBytes)
    }

    package init?(from reader: inout FieldReader) {
        guard let pid = reader.integer(Int32.self), let isSignal = reader.integer(UInt32.self), isSignal <= 1,
            let code = reader.integer(Int32.self), let user = reader.integer(UInt64.self),
            let system = reader.integer(UInt64.self), let peak = reader.integer(UInt64.self)
        else { return nil }
        self.init(
            pid: pid, reason: isSignal == 1 ? .signal(code) : .status(code), userTimeMicroseconds: user,
            systemTimeMicroseconds: system, peakResidentBytes: peak)
    }
}

/// The fork server's report of a worker's end, with what the worker had not sent yet.
package struct WorkerExitReport: Equatable, Sendable {
    package var exit: ProcessExit
    /// The number of the last task that began to run there; 0: none. A later one that was sent to the worker never started.
    package var lastStarted: UInt32
    /// Where `unsent` begins in the worker's stream. The host knows how much it received, so nothing counts twice however the worker was cut off.
    package var unsentOffset: UInt64
    /// Whole frames that stood in the worker's journal.
    package var unsent: [UInt8]
    /// What C code and child processes had written to fd 1 and 2 since the last task.
    package var standardOutput: [UInt8]
    package var standardError: [UInt8]

    package init(
        exit: ProcessExit, lastStarted: UInt32, unsentOffset: UInt64, unsent: [UInt8], standardOutput: [UInt8],
        standardError: [UInt8]
    ) {
        self.exit = exit
        self.lastStarted = lastStarted
        self.unsentOffset = unsentOffset
        self.unsent = unsent
        self.standardOutput = standardOutput
        self.standardError = standardError
    }

    package var payload: [UInt8] {
        var bytes = [UInt8]()
        exit.append(to: &bytes)
        bytes.append(integer: lastStarted)
        bytes.append(integer: unsentOffset)
        bytes.append(counted: unsent)
        bytes.append(counted: standardOutput)
        bytes.append(counted: standardError)
        return bytes
    }

    package init(payload: UnsafeRawBufferPointer) throws(ProtocolViolation) {
        var reader = FieldReader(payload)
        guard let exit = ProcessExit(from: &reader), let lastStarted = reader.integer(UInt32.self),
            let offset = reader.integer(UInt64.self),
            let unsent = reader.counted(), let output = reader.counted(), let error = reader.counted(),
            reader.rest.isEmpty
        else { throw .malformed(.workerExited) }
        self.init(
            exit: exit, lastStarted: lastStarted, unsentOffset: offset, unsent: Array(unsent),
            standardOutput: Array(output),
            standardError: Array(error))
    }
}
