// What the ways in which a pool fails to start are called, in one line each.
import Glibc
import LuaFleetCore
import LuaFleetWire

extension LuaFleetError {
    static func setup(_ failure: SetupFailure, executable: String) -> LuaFleetError {
        LuaFleetError(code: .setup, message: describe(failure, executable))
    }

    private static func describe(_ failure: SetupFailure, _ executable: String) -> String {
        switch failure {
        case .notExecutable(let number):
            "cannot start the worker \(executable): \(String(cString: strerror(number)))"
        case .endedEarly(let exit, let output):
            "\(executable) is not a LuaFleet worker: it \(exit.map(how) ?? "ended") before it said hello\(said(output))"
        case .notAWorker(let output):
            "\(executable) is not a LuaFleet worker: it does not speak LuaFleet's protocol\(said(output))"
        case .otherVersion(let release, let version):
            "the worker \(executable) is of another version: it is release \(release) with protocol \(version), this is release \(releaseVersion) with protocol \(protocolVersion)"
        case .silent(let duration):
            "the worker \(executable) said nothing for \(duration.components.seconds) s"
        case .cannotFork(let number):
            "cannot fork a worker: \(String(cString: strerror(number)))"
        case .workersEndEarly(let count, let last):
            "workers end before they are ready, \(count) times in a row\(last.map { "; the last one \(LuaWorkerExit($0))" } ?? "")"
        case .notConfigured(let message):
            describe(message)
        case .initializerFailed(let message):
            "the initializer failed: \(message)"
        case .hostResources(let number):
            "cannot start the worker \(executable): \(String(cString: strerror(number)))"
        }
    }

    private static func describe(_ message: ConfiguredMessage) -> String {
        switch message.failure {
        case .preload: "cannot preload \(message.name): \(message.text)"
        case .layer:
            "cannot start a locked worker: the layer \(message.name) is missing here: \(message.text) (waive it by name to go on without)"
        case .workingDirectory: "cannot start workers in \(message.name): \(message.text)"
        case .resources, nil: "cannot prepare workers: \(message.text)"
        }
    }

    private static func how(_ exit: ProcessExit) -> String {
        if case .signal = exit.reason { return "was \(LuaWorkerExit(exit))" }
        return "\(LuaWorkerExit(exit))"
    }

    private static func said(_ output: [UInt8]) -> String {
        let line = String(decoding: output.prefix { $0 != 0x0A }.prefix(200), as: UTF8.self)
        let printable = line.unicodeScalars.map { $0.value < 0x20 || $0.value == 0x7F ? "?" : String($0) }.joined()
        return printable.isEmpty ? "" : " (it wrote: \(printable))"
    }
}

extension LuaWorkerExit {
    init(_ exit: ProcessExit) {
        switch exit.reason {
        case .status(let status): self = .status(status)
        case .signal(let signal): self = .signal(signal)
        }
    }
}
