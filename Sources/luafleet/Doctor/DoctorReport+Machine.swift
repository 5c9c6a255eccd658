// Asks the machine for everything that `luafleet doctor` reports.
import Glibc
import LuaFleet
import LuaFleetCore

extension DoctorReport {
    static func examine() async -> DoctorReport {
        DoctorReport(sections: [await program(), processors(), kernel(), await sandbox(), limits()])
    }

    /// A worker that is there may still be of another version, or not run at all: it is asked.
    private static func program() async -> Section {
        var rows = [Row(.fact, "luafleet", luaFleetVersion)]
        do throws(LuaFleetError) {
            let path = try LuaPool.findWorker()
            let start = ContinuousClock.now
            let pool = try await LuaPool(LuaPoolConfiguration(workers: 1))
            let report = await pool.run(.source("return _VERSION"))
            let milliseconds = (ContinuousClock.now - start).inSeconds * 1000
            await pool.close()
            rows.append(Row(.good, "worker", path))
            switch report.result {
            case .success(let values):
                let version = values.first.map { LuaText.printed($0) } ?? "nothing"
                rows.append(
                    Row(.good, "interpreter", "\(version), answered after \(Measurement.round(milliseconds)) ms"))
            case .failure(let error): rows.append(Row(.bad, "interpreter", "\(error)"))
            }
        } catch {
            rows.append(Row(.bad, "worker", error.message))
        }
        return Section(title: "Program", rows: rows)
    }

    private static func processors() -> Section {
        let facts = Processors.current
        return Section(
            title: "Processors",
            rows: [Row(.good, "tasks at a time", "\(facts.usable) unless -j says otherwise", notes: facts.explanation)])
    }

    private static func kernel() -> Section {
        let layers = KernelLayers.probe()
        func row(_ layer: KernelLayers.Layer, _ name: String, _ use: String) -> Row {
            switch layer {
            case .present: Row(.good, name, use)
            case .missing(let code): Row(.missing, name, "\(use): not here: \(systemMessage(code))")
            }
        }
        let landlock = layers.landlockVersion.map { "Landlock, version \($0)" } ?? "Landlock"
        let mounts = systemFile("/proc/self/mountinfo") ?? ""
        let groups = ControlGroupFolder.versions(mounts: mounts).map { "\($0.rawValue)" }.joined(separator: " and ")
        return Section(
            title: "Kernel \(kernelRelease())",
            rows: [
                row(layers.landlock, landlock, "keeps a script from files, network and other processes"),
                row(layers.seccompFilter, "seccomp filter", "keeps a script from system calls"),
                row(layers.noNewPrivileges, "no_new_privs", "keeps a script from gaining rights"),
                row(
                    layers.memoryFiles, "memfd", "shared memory, captured output; without it, files in /dev/shm or /tmp"
                ),
                row(
                    layers.processDescriptors, "pidfd",
                    "not needed: a process is killed by its parent, before it is reaped"),
                row(layers.closeRange, "close_range", "closes what workers do not need; without it, one by one"),
                Row(.fact, "control groups", groups.isEmpty ? "none mounted" : "version \(groups)"),
            ])
    }

    /// What workers really get: a locked pool is started.
    private static func sandbox() async -> Section {
        var rows: [Row] = []
        for level in [LuaSandbox.safe, .locked] {
            var configuration = LuaPoolConfiguration(workers: 1)
            configuration.sandbox = level
            do throws(LuaFleetError) {
                let pool = try await LuaPool(configuration)
                let report = await pool.sandbox
                await pool.close()
                let missing = report.missing.map(\.rawValue).joined(separator: ", ")
                rows.append(
                    Row(
                        missing.isEmpty ? .good : .missing, level.rawValue,
                        report.present.map(\.rawValue).joined(separator: ", "),
                        notes: missing.isEmpty ? [] : ["not here: \(missing)"]))
            } catch {
                rows.append(Row(.missing, level.rawValue, error.message))
            }
        }
        return Section(title: "Sandbox", rows: rows)
    }

    private static func limits() -> Section {
        let user =
            geteuid() == 0 ? "root: limits on processes and rights do not bind it" : "user \(geteuid()), not root"
        return Section(
            title: "Limits",
            rows: [
                Row(.fact, "user", user),
                Row(.fact, "processes", limit(__RLIMIT_NPROC)),
                Row(.fact, "open descriptors", limit(RLIMIT_NOFILE)),
                Row(.fact, "address space", limit(RLIMIT_AS, unit: "bytes")),
                Row(.fact, "processor time", limit(RLIMIT_CPU, unit: "s")),
                Row(.fact, "stack", limit(RLIMIT_STACK, unit: "bytes")),
            ])
    }

    private static func kernelRelease() -> String {
        var names = utsname()
        guard uname(&names) == 0 else { return "" }
        return withUnsafeBytes(of: names.release) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }

    /// "1024, can be raised to 524288".
    private static func limit(_ resource: __rlimit_resource, unit: String = "") -> String {
        var values = rlimit()
        guard getrlimit(Int32(resource.rawValue), &values) == 0 else { return "unknown: \(systemMessage(errno))" }
        func text(_ value: rlim_t) -> String {
            value == .max ? "unlimited" : "\(value)\(unit.isEmpty ? "" : " " + unit)"
        }
        guard values.rlim_cur != values.rlim_max else { return text(values.rlim_cur) }
        return "\(text(values.rlim_cur)), can be raised to \(text(values.rlim_max))"
    }
}
