// A task as one JSON object a line: --json-output. The names and their order are a contract (API.md).
import LuaFleet

extension TaskReport {
    /// Ends with a line feed. Bytes that are not UTF-8 become {"base64":"…"}, as LuaJSON says.
    ///
    /// - Throws: where a value would fill the memory as JSON (tables that refer to one another again and again).
    func jsonLine() throws(LuaJSON.TooLong) -> Bytes {
        var line = JSONObject()
        try line.add("index", .integer(Int64(index)))
        try line.add("script", .string(LuaString(script)))
        try line.add("input", elements: input.map(\.luaValue))
        switch outcome {
        case .values(let values):
            try line.add("ok", .boolean(true))
            try line.add("values", elements: values)
        case .failure(let failure):
            try line.add("ok", .boolean(false))
            line.add("error", object: try failure.json())
        }
        try line.add("stdout", .string(LuaString(bytes: standardOutput)))
        try line.add("stderr", .string(LuaString(bytes: standardError)))
        try line.add("seconds", .number((seconds * 1e6).rounded() / 1e6))
        try line.add("attempts", .integer(Int64(attempts)))
        try line.add("worker", .integer(Int64(worker)))
        try line.add("pid", .integer(Int64(pid)))
        return line.closed + [UInt8(ascii: "\n")]
    }
}

extension Failure {
    fileprivate func json() throws(LuaJSON.TooLong) -> JSONObject {
        var object = JSONObject()
        try object.add("kind", .string(LuaString(kind.rawValue)))
        try object.add("message", .string(LuaString(bytes: message)))
        try object.add("traceback", .string(LuaString(bytes: traceback)))
        if let signal { try object.add("signal", .integer(Int64(signal))) }
        if let status { try object.add("status", .integer(Int64(status))) }
        return object
    }
}

/// An object under construction: its members stay in the order in which they were added.
private struct JSONObject {
    private var bytes: Bytes = [UInt8(ascii: "{")]

    var closed: Bytes { bytes + [UInt8(ascii: "}")] }

    mutating func add(_ name: StaticString, _ value: LuaValue) throws(LuaJSON.TooLong) {
        begin(name)
        bytes += try LuaJSON.text(value)
    }

    /// Every element counts, also nil at the end, which a table would lose.
    mutating func add(_ name: StaticString, elements: [LuaValue]) throws(LuaJSON.TooLong) {
        begin(name)
        bytes.append(UInt8(ascii: "["))
        for (index, element) in elements.enumerated() {
            if index > 0 { bytes.append(UInt8(ascii: ",")) }
            bytes += try LuaJSON.text(element)
        }
        bytes.append(UInt8(ascii: "]"))
    }

    mutating func add(_ name: StaticString, object: JSONObject) {
        begin(name)
        bytes += object.closed
    }

    /// Names are ours: nothing in them has to be escaped.
    private mutating func begin(_ name: StaticString) {
        if bytes.count > 1 { bytes.append(UInt8(ascii: ",")) }
        bytes.append(UInt8(ascii: "\""))
        name.withUTF8Buffer { bytes.append(contentsOf: $0) }
        bytes.append(contentsOf: "\":".utf8)
    }
}
