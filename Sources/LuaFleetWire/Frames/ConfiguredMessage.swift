// The fork server's answer to its settings: what workers will have, what the preloaded scripts cost, or why there can be no workers.

/// The payload of a `configured` frame.
package struct ConfiguredMessage: Equatable, Sendable {
    /// Why not. A closed set.
    package enum Failure: UInt8, Sendable, CaseIterable {
        /// `name` is the script, `text` what it raised.
        case preload = 1
        /// `name` is the layer, `text` what the system says.
        case layer = 2
        /// `name` is the directory, `text` what the system says.
        case workingDirectory = 3
        /// `text` is what ran out.
        case resources = 4
    }

    /// What one preloaded script cost.
    package struct PreloadReport: Equatable, Sendable {
        package var name: String
        package var nanoseconds: UInt64
        /// What Lua holds more than before.
        package var bytes: UInt64

        package init(name: String, nanoseconds: UInt64, bytes: UInt64) {
            self.name = name
            self.nanoseconds = nanoseconds
            self.bytes = bytes
        }
    }

    package var failure: Failure?
    package var name = ""
    package var text = ""
    /// The layers that workers have, and those of their level that the system does not offer.
    package var layers = SandboxLayers.none
    package var missing = SandboxLayers.none
    package var preload: [PreloadReport] = []

    package init() {}

    package init(failure: Failure, name: String = "", text: String) {
        self.failure = failure
        self.name = name
        self.text = text
    }

    package var payload: [UInt8] {
        var bytes = [UInt8]()
        bytes.append(integer: failure?.rawValue ?? 0)
        bytes.append(counted: name.utf8)
        bytes.append(counted: text.utf8)
        bytes.append(integer: layers.rawValue)
        bytes.append(integer: missing.rawValue)
        bytes.append(integer: UInt32(clamping: preload.count))
        for report in preload {
            bytes.append(counted: report.name.utf8)
            bytes.append(integer: report.nanoseconds)
            bytes.append(integer: report.bytes)
        }
        return bytes
    }

    package init(payload: UnsafeRawBufferPointer) throws(ProtocolViolation) {
        var reader = FieldReader(payload)
        guard let rawFailure = reader.integer(UInt8.self), let name = reader.counted(), let text = reader.counted(),
            let layers = reader.integer(UInt32.self), let missing = reader.integer(UInt32.self),
            let count = reader.integer(UInt32.self)
        else { throw .malformed(.configured) }
        if rawFailure != 0 {
            guard let failure = Failure(rawValue: rawFailure) else { throw .malformed(.configured) }
            self.failure = failure
        }
        self.name = String(decoding: name, as: UTF8.self)
        self.text = String(decoding: text, as: UTF8.self)
        self.layers = SandboxLayers(rawValue: layers)
        self.missing = SandboxLayers(rawValue: missing)
        for _ in 0..<count {
            guard let name = reader.counted(), let nanoseconds = reader.integer(UInt64.self),
                let bytes = reader.integer(UInt64.self)
            else { throw .malformed(.configured) }
            preload.append(
                PreloadReport(
                    name: String(decoding: name, as: UTF8.self), nanoseconds: nanoseconds, bytes: bytes))
        }
        guard reader.rest.isEmpty else { throw .malformed(.configured) }
    }
}
