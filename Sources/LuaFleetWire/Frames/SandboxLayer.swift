// The layers of protection that a worker can have, each with the name that reports, waivers and exit statuses use.

/// One thing that a worker gives up, or is kept from, by the kernel. In the order in which they are put on.
package enum SandboxLayer: UInt8, Sendable, CaseIterable {
    /// Another, powerless user, where the host is root. setresuid(2).
    case user = 0
    /// setrlimit(2).
    case resourceLimits = 1
    /// prctl(2), PR_SET_NO_NEW_PRIVS.
    case noNewPrivileges = 2
    /// landlock(7), version 1.
    case landlockFiles = 3
    /// landlock(7), version 4.
    case landlockNetwork = 4
    /// Signals and abstract sockets; landlock(7), version 6.
    case landlockScope = 5
    /// prctl(2), PR_SET_DUMPABLE.
    case notDumpable = 6
    /// seccomp(2).
    case seccomp = 7

    package var name: String {
        switch self {
        case .user: "user"
        case .resourceLimits: "rlimits"
        case .noNewPrivileges: "no_new_privs"
        case .landlockFiles: "landlock-files"
        case .landlockNetwork: "landlock-network"
        case .landlockScope: "landlock-scope"
        case .notDumpable: "not-dumpable"
        case .seccomp: "seccomp"
        }
    }

    /// The exit status of a worker that must have this layer and cannot put it on.
    package var exitStatus: Int32 { 80 + Int32(rawValue) }

    package init?(exitStatus: Int32) {
        guard let raw = UInt8(exactly: exitStatus - 80), let layer = SandboxLayer(rawValue: raw) else { return nil }
        self = layer
    }
}

/// Layers, as bits.
package struct SandboxLayers: OptionSet, Sendable, Hashable {
    package var rawValue: UInt32

    package init(rawValue: UInt32) {
        self.rawValue = rawValue
    }

    package init(_ layer: SandboxLayer) {
        self.init(rawValue: 1 << UInt32(layer.rawValue))
    }

    package init(_ layers: [SandboxLayer]) {
        self.init(rawValue: 0)
        for layer in layers { add(layer) }
    }

    /// Bits, here and below, and none of what the standard library would do with `[]` and `insert`: in a module that does not see the size of
    /// this type it looks the protocols' tables up when it runs, which cost every new worker 30 pages of memory to touch.
    package static var none: SandboxLayers { SandboxLayers(rawValue: 0) }

    package func contains(_ layer: SandboxLayer) -> Bool {
        rawValue & SandboxLayers(layer).rawValue != 0
    }

    package mutating func add(_ layer: SandboxLayer) {
        rawValue |= SandboxLayers(layer).rawValue
    }

    /// In the order in which they are put on.
    package var list: [SandboxLayer] { SandboxLayer.allCases.filter { contains($0) } }
}
