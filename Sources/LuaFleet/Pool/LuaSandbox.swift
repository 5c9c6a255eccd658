// How much a pool keeps its scripts from: the level, the layers that the kernel gives it, and what of the environment workers see.
import Glibc
import LuaFleetWire

/// What scripts are kept from. The table of levels, with what is promised and what is not, is in <doc:WhatIsPromised>.
public enum LuaSandbox: String, Sendable, Hashable, CaseIterable {
    /// Scripts are the app's own: all of Lua, with the app's rights. What they do to their worker is contained.
    case none
    /// Scripts may be wrong in any way: no files, processes or C modules, no bytecode; output of at most 1 MiB unless set; nothing passes from task to task but `fleet.state`.
    case safe
    /// Nobody knows the script: it is treated as native code in the worker. Each task has a freshly executed process that the kernel keeps from files, network and
    /// other processes, 10 s and 64 MiB unless set. A pool does not start where the kernel lacks a layer, unless that is waived by name.
    case locked

    var wire: WireSandbox {
        switch self {
        case .none: .none
        case .safe: .safe
        case .locked: .locked
        }
    }
}

/// One thing that the kernel takes from a worker, for good. The raw value is its name in messages and reports.
public enum LuaSandboxLayer: String, Sendable, Hashable, CaseIterable {
    /// Where the host is root, locked workers are the user "nobody" (65534). setresuid(2).
    case user
    /// Address space, files, descriptors, processes. setrlimit(2).
    case resourceLimits = "rlimits"
    /// prctl(2), `PR_SET_NO_NEW_PRIVS`.
    case noNewPrivileges = "no_new_privs"
    /// No file can be opened, made or executed. landlock(7), Linux 5.13.
    case landlockFiles = "landlock-files"
    /// No TCP port can be bound or connected to. landlock(7), Linux 6.7.
    case landlockNetwork = "landlock-network"
    /// No signal to other processes, no abstract sockets of theirs. landlock(7), Linux 6.12.
    case landlockScope = "landlock-scope"
    /// No process of the same user can trace it. prctl(2), `PR_SET_DUMPABLE`.
    case notDumpable = "not-dumpable"
    /// About 30 system calls, and no others. seccomp(2); x86-64 and arm64.
    case seccomp

    init?(_ layer: SandboxLayer) {
        self.init(rawValue: layer.name)
    }

    var wire: SandboxLayer? { SandboxLayer.allCases.first { $0.name == rawValue } }
}

/// The layers that a pool's workers have.
public struct LuaSandboxReport: Sendable, Hashable {
    /// In the order in which a worker puts them on. Empty at `none`.
    public var present: [LuaSandboxLayer]
    /// What belongs to the level and is not there: the kernel does not offer it. At `locked` only what was waived.
    public var missing: [LuaSandboxLayer]
}

/// What one preloaded script cost.
public struct LuaPreloadReport: Sendable, Hashable {
    /// The script's name.
    public var name: String
    public var duration: Duration
    /// What it left in the Lua state, in bytes.
    public var bytes: Int
}

/// What workers see of the host's environment.
public enum LuaEnvironment: Sendable, Hashable, ExpressibleByDictionaryLiteral {
    /// All of it, as it is when the pool starts.
    case inherited
    /// The variables of these names, as far as the host has them.
    case only([String])
    /// These, and no others.
    case values([String: String])

    public init(dictionaryLiteral elements: (String, String)...) {
        self = .values(Dictionary(elements) { $1 })
    }

    /// "NAME=value" each, or nil for the host's own.
    var strings: [String]? {
        switch self {
        case .inherited: nil
        case .only(let names):
            names.compactMap { name in getenv(name).map { "\(name)=\(String(cString: $0))" } }
        case .values(let values): values.map { "\($0.key)=\($0.value)" }.sorted()
        }
    }
}

/// How workers come to be.
public enum LuaStartMethod: String, Sendable, Hashable, CaseIterable {
    /// Forked from a process that has Lua and the preloaded scripts in its memory: about 0.1 ms.
    case forkServer = "fork-server"
    /// The worker executable is executed for each: about 1 ms. It has an address layout of its own, and runs the preloaded scripts itself. What `locked` always does.
    case spawn
}
