// The messages inside frames: each comes back as it was, and no part of one is taken for a whole.
import LuaFleetWire
import Testing

@Suite
struct FrameMessageTests {
    private static let exit = ProcessExit(
        pid: 4321, reason: .signal(11), userTimeMicroseconds: 1 << 40, systemTimeMicroseconds: 7,
        peakResidentBytes: .max)

    private func bytes(_ exit: ProcessExit) -> [UInt8] {
        var bytes = [UInt8]()
        exit.append(to: &bytes)
        return bytes
    }

    private func reading<R>(_ bytes: [UInt8], _ body: (inout FieldReader) throws -> R) rethrows -> R {
        try bytes.withUnsafeBytes { buffer in
            var reader = FieldReader(buffer)
            return try body(&reader)
        }
    }

    @Test(arguments: [ProcessExit.Reason.status(0), .status(255), .signal(9), .status(-1)])
    func `a process's exit comes back, and every truncation is refused`(_ reason: ProcessExit.Reason) {
        var exit = Self.exit
        exit.reason = reason
        let bytes = bytes(exit)
        #expect(reading(bytes) { ProcessExit(from: &$0) } == exit)
        for count in 0..<bytes.count {
            #expect(reading(Array(bytes[..<count])) { ProcessExit(from: &$0) } == nil, "\(count) bytes")
        }
    }

    @Test func `a reason that is neither status nor signal is refused`() {
        var bytes = bytes(Self.exit)
        bytes[4] = 2
        #expect(reading(bytes) { ProcessExit(from: &$0) } == nil)
    }

    @Test func `a worker's exit report comes back; shorter, longer and lying ones are refused`() throws {
        let report = WorkerExitReport(
            exit: Self.exit, lastStarted: 5, unsentOffset: 1 << 33, unsent: [1, 2, 3], standardOutput: [],
            standardError: Array("segfault\n".utf8))
        let bytes = report.payload
        #expect(try bytes.withUnsafeBytes { try WorkerExitReport(payload: $0) } == report)
        for count in 0..<bytes.count {
            #expect(throws: ProtocolViolation.malformed(.workerExited), "\(count) bytes") {
                _ = try Array(bytes[..<count]).withUnsafeBytes { try WorkerExitReport(payload: $0) }
            }
        }
        #expect(throws: ProtocolViolation.malformed(.workerExited), "a byte too many") {
            _ = try (bytes + [0]).withUnsafeBytes { try WorkerExitReport(payload: $0) }
        }
        var lying = bytes
        let place = try #require(bytes.firstRange(of: [3, 0, 0, 0, 1, 2, 3])).lowerBound
        lying.replaceSubrange(place..<place + 4, with: [0xFF, 0xFF, 0xFF, 0xFF])
        #expect(throws: ProtocolViolation.malformed(.workerExited), "a length of 4 GiB") {
            _ = try lying.withUnsafeBytes { try WorkerExitReport(payload: $0) }
        }
    }

    @Test func `hello comes back, and of one of another shape the version is still read`() throws {
        let hello = Hello(pid: 99)
        #expect(hello.protocolVersion == protocolVersion && hello.release == releaseVersion)
        let bytes = hello.payload
        #expect(try bytes.withUnsafeBytes { try Hello(payload: $0) } == hello)
        for count in 0..<bytes.count {
            let part = Array(bytes[..<count])
            if count < 4 {
                #expect(throws: ProtocolViolation.malformed(.hello)) {
                    _ = try part.withUnsafeBytes { try Hello(payload: $0) }
                }
            } else {
                let read = try part.withUnsafeBytes { try Hello(payload: $0) }
                #expect(read.protocolVersion == protocolVersion && read.release == "?", "\(count) bytes")
            }
        }
    }

    @Test(arguments: WireIsolation.allCases) func `a task's head comes back, and every truncation is refused`(
        _ isolation: WireIsolation
    ) {
        var head = TaskHead(
            script: 0x0102_0304, isolation: isolation, setsArg: true, stampsTimes: isolation == .shared,
            functionLength: 0xFFFE, attempt: 3, count: 1 << 20, index: 1 << 50, epoch: 7)
        head.sendsOutput = isolation == .freshState
        var bytes = [UInt8](repeating: 0xAA, count: TaskHead.size)
        bytes.withUnsafeMutableBytes { head.store(to: $0.baseAddress!) }  // not empty
        let (read, rest) = reading(bytes + [7]) { (TaskHead(from: &$0), Array($0.rest)) }
        #expect(read == head && rest == [7])
        for count in 0..<bytes.count {
            #expect(reading(Array(bytes[..<count])) { TaskHead(from: &$0) } == nil, "\(count) bytes")
        }
        bytes[4] = 3
        #expect(reading(bytes) { TaskHead(from: &$0) } == nil, "an isolation that there is not")
        bytes[4] = 0
        bytes[5] = 8
        #expect(reading(bytes) { TaskHead(from: &$0) } == nil, "an option that there is not")
        bytes[5] = 0
        bytes[14] = 0
        #expect(reading(bytes) { TaskHead(from: &$0) } == nil, "no task")
    }

    @Test func `an answer's head comes back, and every truncation is refused`() {
        let head = AnswerHead(nanoseconds: .max - 1, pid: -5, count: 77)
        var bytes = [UInt8](repeating: 0xAA, count: AnswerHead.size)
        bytes.withUnsafeMutableBytes { head.store(to: $0.baseAddress!) }  // not empty
        let (read, rest) = reading(bytes + [1, 2]) { (AnswerHead(from: &$0), Array($0.rest)) }
        #expect(read == head && rest == [1, 2])
        for count in 0..<bytes.count {
            #expect(reading(Array(bytes[..<count])) { AnswerHead(from: &$0) } == nil, "\(count) bytes")
        }
        bytes[12] = 0
        #expect(reading(bytes) { AnswerHead(from: &$0) } == nil, "no task")
    }

    @Test func `a script's definition has its id, its flag, its counted name and the source behind them`() {
        let definition = ScriptDefinition(
            id: 9, form: .textOrBytecode, chunkName: Array("@a.lua".utf8), source: [1, 2, 0, 3])
        reading(definition.payload) { reader in
            #expect(reader.integer(UInt32.self) == 9 && reader.integer(UInt32.self) == 1)
            #expect(reader.counted().map(Array.init) == definition.chunkName && Array(reader.rest) == definition.source)
        }
    }

    /// Every field has a value of its own, so that none can stand for another.
    private static var settings: WorkerSettings {
        var settings = WorkerSettings()
        settings.sandbox = .locked
        settings.isSpawned = true
        settings.cutsOutput = true
        settings.waived = SandboxLayers([.seccomp, .landlockScope])
        (settings.memory, settings.cpuTime, settings.instructions) = (1 << 40, 2, .max)
        (settings.output, settings.result) = (4, 5)
        settings.workingDirectory = Array("/tmp/ä".utf8)
        settings.preload = [
            .init(
                name: "lib", form: .textOrBytecode, chunkName: Array("@lib.lua".utf8), source: [0, 1, 255], module: [7]),
            .init(name: "", form: .function, chunkName: [], source: [], module: []),
        ]
        return settings
    }

    @Test func `a worker's settings come back; every truncation, a byte too many and unknown words are refused`() {
        for settings in [WorkerSettings(), Self.settings] {
            let bytes = settings.payload
            #expect(bytes.withUnsafeBytes { WorkerSettings(payload: $0) } == settings)
            for count in 0..<bytes.count {
                #expect(bytes[..<count].withUnsafeBytes { WorkerSettings(payload: $0) } == nil, "\(count) bytes")
            }
            #expect((bytes + [0]).withUnsafeBytes { WorkerSettings(payload: $0) } == nil)
        }
        var bytes = WorkerSettings().payload
        bytes[0] = 3  // there are three levels
        #expect(bytes.withUnsafeBytes { WorkerSettings(payload: $0) } == nil)
        var settings = WorkerSettings()
        settings.workingDirectory = [0x2F, 0]
        #expect(settings.payload.withUnsafeBytes { WorkerSettings(payload: $0) } == nil, "a path with a zero byte")
    }

    @Test(arguments: [nil] + ConfiguredMessage.Failure.allCases)
    func `the answer to settings comes back; every truncation and a byte too many are refused`(
        _ failure: ConfiguredMessage.Failure?
    ) throws {
        var message = ConfiguredMessage()
        message.failure = failure
        (message.name, message.text) = ("lib", "no such luck")
        (message.layers, message.missing) = (SandboxLayers([.user]), SandboxLayers([.seccomp]))
        message.preload = [.init(name: "a", nanoseconds: 1, bytes: 2), .init(name: "", nanoseconds: .max, bytes: 0)]
        let bytes = message.payload
        #expect(try bytes.withUnsafeBytes { try ConfiguredMessage(payload: $0) } == message)
        for count in 0..<bytes.count {
            #expect(throws: ProtocolViolation.self) {
                try bytes[..<count].withUnsafeBytes { _ = try ConfiguredMessage(payload: $0) }
            }
        }
        #expect(throws: ProtocolViolation.self) {
            try (bytes + [0]).withUnsafeBytes { _ = try ConfiguredMessage(payload: $0) }
        }
        var unknown = bytes
        unknown[0] = 200
        #expect(throws: ProtocolViolation.self) {
            try unknown.withUnsafeBytes { _ = try ConfiguredMessage(payload: $0) }
        }
    }

    @Test func `a task's usage comes back; every truncation and a byte too many are refused`() {
        let usage = TaskUsage(processorNanoseconds: 1, memoryPeak: .max, instructions: 3, output: 1 << 33)
        let bytes = usage.payload
        #expect(bytes.withUnsafeBytes { TaskUsage(payload: $0) } == usage)
        for wrong in (0..<bytes.count).map({ Array(bytes[..<$0]) }) + [bytes + [0]] {
            #expect(wrong.withUnsafeBytes { TaskUsage(payload: $0) } == nil)
        }
    }

    @Test func `a reader gives nil at every end and takes nothing then`() {
        reading([1, 2, 3]) { reader in
            #expect(reader.integer(UInt32.self) == nil && reader.bytes(4) == nil && reader.bytes(-1) == nil)
            #expect(reader.rest.count == 3 && reader.bytes(3).map(Array.init) == [1, 2, 3] && reader.rest.isEmpty)
            #expect(reader.bytes(0)?.count == 0 && reader.counted() == nil)
        }
    }

    @Test func `random bytes as any message are read or refused, never a trap`() {
        var dice = FrameGenerator(test: "random messages")
        for _ in 0..<20_000 {
            let bytes = dice.bytes(Int.random(in: 0..<80, using: &dice))
            bytes.withUnsafeBytes { buffer in
                _ = try? Hello(payload: buffer)
                _ = try? WorkerExitReport(payload: buffer)
                var readers = (FieldReader(buffer), FieldReader(buffer), FieldReader(buffer))
                _ = TaskHead(from: &readers.0)
                _ = AnswerHead(from: &readers.1)
                _ = ProcessExit(from: &readers.2)
            }
        }
    }
}
