// Puts the layers of a sandbox level on this process, in the one order in which none hinders the next.
import CFleetSystem
import Glibc
import LuaFleetWire

/// What came of it.
package struct Hardening {
    package private(set) var layers = SandboxLayers.none
    /// Layers of the level that are not there, and why the first is not.
    package private(set) var missing = SandboxLayers.none
    package private(set) var reason: Int32 = 0

    /// The user that a root host's locked workers become; "nobody" on every Linux.
    private static let nobody: uid_t = 65534
    /// Descriptors of a worker: it has 4 and opens none; Landlock needs one for a moment.
    private static let descriptors = 8
    /// `require` opens files, one at a time, from within each other.
    private static let descriptorsWithFiles = 64

    /// For good. `server` is the parent that this process ends with; `layers` are those of the settings' level, but for tests.
    package init(_ settings: WorkerSettings, layers wanted: SandboxLayers, server: pid_t) {
        if wanted.contains(.user) {
            let isRoot = geteuid() == 0 || getuid() == 0
            note(.user, isRoot ? lfs_drop_user(Self.nobody, Self.nobody) : 0)
            // A change of user clears it.
            _ = lfs_die_with_parent()
            if getppid() != server { _exit(WorkerStatus.hostGone) }
        }
        let limited = Self.limit(settings)
        if wanted.contains(.resourceLimits) { note(.resourceLimits, limited) }
        if wanted.contains(.noNewPrivileges) { note(.noNewPrivileges, lfs_set_no_new_privs()) }
        landlock(wanted)
        if wanted.contains(.notDumpable) { note(.notDumpable, lfs_set_not_dumpable()) }
        if settings.sandbox == .locked && settings.cpuTime > 0 {
            // Now, since the filter takes timers away. It runs one task, and has used nothing before.
            _ = lfs_set_cpu_budget(settings.cpuTime)
        }
        if wanted.contains(.seccomp) { note(.seccomp, lfs_seccomp_lock()) }
    }

    init(_ settings: WorkerSettings, server: pid_t) {
        self.init(settings, layers: settings.sandbox.layers, server: server)
    }

    /// The first layer that must be there and is not.
    func refusal(_ settings: WorkerSettings) -> SandboxLayer? {
        settings.sandbox == .locked ? missing.subtracting(settings.waived).list.first : nil
    }

    private mutating func note(_ layer: SandboxLayer, _ result: Int32) {
        guard result < 0 else {
            layers.add(layer)
            return
        }
        if missing.rawValue == 0 { reason = -result }
        missing.add(layer)
    }

    private mutating func landlock(_ wanted: SandboxLayers) {
        guard wanted.rawValue != 0 else { return }
        let rights: [(SandboxLayer, lfs_landlock_right)] = [
            (.landlockFiles, LFS_LANDLOCK_FILES), (.landlockNetwork, LFS_LANDLOCK_NETWORK),
            (.landlockScope, LFS_LANDLOCK_SCOPE),
        ].filter { wanted.contains($0.0) }
        guard !rights.isEmpty else { return }
        let given = lfs_landlock_give_up(rights.reduce(0) { $0 | UInt32($1.1.rawValue) })
        for (layer, right) in rights {
            let has = given >= 0 && UInt32(given) & UInt32(right.rawValue) != 0
            note(layer, has ? 0 : given < 0 ? given : -EOPNOTSUPP)
        }
    }

    // MARK: Resource limits

    private static func limit(_ settings: WorkerSettings) -> Int32 {
        guard settings.sandbox != .none || settings.memory > 0 else { return 0 }
        var limits: [(Int32, UInt64)] = []
        func add(_ resource: __rlimit_resource, _ value: UInt64) { limits.append((Int32(resource.rawValue), value)) }
        if let bytes = addressSpace(settings) { add(RLIMIT_AS, bytes) }
        if settings.sandbox >= .safe {
            add(RLIMIT_CORE, 0)
            add(__RLIMIT_MEMLOCK, 0)
            add(__RLIMIT_MSGQUEUE, 0)
            // Of what C code writes to fd 1 and 2; the script's own output goes another way.
            add(RLIMIT_FSIZE, settings.sandbox == .locked ? 0 : max(settings.output, 1 << 20))
            add(RLIMIT_NOFILE, UInt64(settings.sandbox == .locked ? descriptors : descriptorsWithFiles))
            signal(SIGXFSZ, SIG_IGN)  // the write fails, and no more than that
        }
        if settings.sandbox == .locked {
            add(__RLIMIT_NPROC, 0)
            // Behind the timer, which could be kept from firing if code of the script ran natively: SIGKILL, in steps of a second.
            if settings.cpuTime > 0 { add(RLIMIT_CPU, settings.cpuTime / 1_000_000_000 + 2) }
        }
        for (resource, value) in limits {
            var former = rlimit()
            getrlimit(__rlimit_resource_t(UInt32(bitPattern: resource)), &former)
            let most = min(rlim_t(value), former.rlim_max)
            var new = rlimit(rlim_cur: most, rlim_max: most)
            guard setrlimit(__rlimit_resource_t(UInt32(bitPattern: resource)), &new) == 0 else { return -errno }
        }
        return 0
    }

    /// Behind the allocator's limit: what the process has now, a quarter more than the limit for what the system's allocator wastes, and room
    /// for a task and its answer.
    private static func addressSpace(_ settings: WorkerSettings) -> UInt64? {
        guard settings.memory > 0, settings.memory < 1 << 40 else { return nil }
        let present = lfs_address_space()
        guard present > 0 else { return nil }
        let message: UInt64 = settings.sandbox == .locked ? 8 << 20 : 64 << 20
        return present + settings.memory + settings.memory / 4 + (16 << 20) + 2 * message
    }
}
