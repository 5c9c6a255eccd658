// A task as one JSON object a line: --json-output. The names and their order are a contract (API.md).

extension TaskReport {
    /// Ends with a line feed.
    var jsonLine: Bytes {
        var members: [JSONValue.Member] = [
            .init("index", .integer(Int64(index))),
            .init("script", .string(Bytes(script.utf8))),
            .init("input", .array(input.map(\.json))),
        ]
        switch outcome {
        case .values(let values):
            members += [.init("ok", .boolean(true)), .init("values", .array(values))]
        case .failure(let failure):
            members += [.init("ok", .boolean(false)), .init("error", failure.json)]
        }
        members += [
            .init("stdout", .string(standardOutput)),
            .init("stderr", .string(standardError)),
            .init("seconds", .number((seconds * 1e6).rounded() / 1e6)),
            .init("attempts", .integer(Int64(attempts))),
            .init("worker", .integer(Int64(worker))),
            .init("pid", .integer(Int64(pid))),
        ]
        return JSONValue.object(members).encoded + [UInt8(ascii: "\n")]
    }
}

extension Failure {
    fileprivate var json: JSONValue {
        var members: [JSONValue.Member] = [
            .init("kind", .string(Bytes(kind.rawValue.utf8))),
            .init("message", .string(message)),
            .init("traceback", .string(traceback)),
        ]
        if let signal { members.append(.init("signal", .integer(Int64(signal)))) }
        if let status { members.append(.init("status", .integer(Int64(status)))) }
        return .object(members)
    }
}

extension InputValue {
    fileprivate var json: JSONValue {
        switch self {
        case .text(let bytes): .string(bytes)
        case .json(let value): value
        }
    }
}

extension JSONValue.Member {
    init(_ name: StaticString, _ value: JSONValue) {
        self.init(name: name.withUTF8Buffer(Bytes.init), value: value)
    }
}
