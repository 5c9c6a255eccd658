// Asks Linux how many processors this process may use.
import CFleetSystem
import Glibc
import LuaFleetCore

package enum Processors {
    /// As they are now: affinity and quotas may change while we run.
    package static var current: ProcessorFacts {
        let affinity = lfs_affinity_count()
        let folders = ControlGroupFolder.holdingQuotas(
            membership: systemFile("/proc/self/cgroup") ?? "", mounts: systemFile("/proc/self/mountinfo") ?? "")
        return ProcessorFacts(
            online: max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))), affinity: affinity > 0 ? Int(affinity) : nil,
            quotas: folders.compactMap { quota(of: $0) })
    }

    private static func quota(of folder: ControlGroupFolder) -> ProcessorQuota? {
        switch folder.version {
        case .two:
            return systemFile(folder.path + "/cpu.max").flatMap { ProcessorQuota(folder: folder.path, cpuMax: $0) }
        case .one:
            guard let quota = systemFile(folder.path + "/cpu.cfs_quota_us"),
                let period = systemFile(folder.path + "/cpu.cfs_period_us")
            else { return nil }
            return ProcessorQuota(folder: folder.path, cfsQuota: quota, cfsPeriod: period)
        }
    }
}
