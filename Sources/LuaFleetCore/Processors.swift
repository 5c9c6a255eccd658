// How many processors this process may use, and why: online ones, affinity, quotas of cgroups v1 and v2. F41.

/// What the system says; reading it is the library's business.
package struct ProcessorFacts: Equatable, Sendable {
    /// sysconf(_SC_NPROCESSORS_ONLN).
    package var online: Int
    /// sched_getaffinity(2); nil where it cannot be read.
    package var affinity: Int?
    /// Of every control group this process is in, inner ones first.
    package var quotas: [ProcessorQuota]

    package init(online: Int, affinity: Int? = nil, quotas: [ProcessorQuota] = []) {
        self.online = online
        self.affinity = affinity
        self.quotas = quotas
    }

    /// The least of all, at least 1. A quota of 1.5 processors is two workers: one alone would leave a third of it unused.
    package var usable: Int {
        max(1, ([online, affinity ?? online] + quotas.map(\.processors)).min() ?? 1)
    }

    /// For people: every fact that was looked at, a line each, the deciding one marked.
    package var explanation: [String] {
        var facts = [(online, "\(online) online")]
        if let affinity { facts.append((affinity, "\(affinity) by affinity (taskset, sched_setaffinity)")) }
        for quota in quotas {
            facts.append(
                (quota.processors, "\(quota.processors) by the quota of \(quota.folder): \(quota.share) processors"))
        }
        let deciding = facts.firstIndex { $0.0 == usable }
        return facts.enumerated().map {
            $0.offset == deciding && facts.count > 1 ? "\($0.element.1)  ← decides" : $0.element.1
        }
    }
}

/// So much processor time in every period (cgroups(7)).
package struct ProcessorQuota: Equatable, Sendable {
    package var folder: String
    package var quotaMicroseconds: Int
    package var periodMicroseconds: Int

    package init(folder: String, quotaMicroseconds: Int, periodMicroseconds: Int) {
        self.folder = folder
        self.quotaMicroseconds = quotaMicroseconds
        self.periodMicroseconds = periodMicroseconds
    }

    /// cpu.max of version 2: "150000 100000", or "max 100000" for no quota, which is nil, as is what nobody can read.
    package init?(folder: String, cpuMax: String) {
        let words = cpuMax.split(whereSeparator: \.isWhitespace)
        guard words.count == 2, let quota = Int(words[0]), let period = Int(words[1]), quota > 0, period > 0 else {
            return nil
        }
        self.init(folder: folder, quotaMicroseconds: quota, periodMicroseconds: period)
    }

    /// cpu.cfs_quota_us and cpu.cfs_period_us of version 1: a quota of -1 is none.
    package init?(folder: String, cfsQuota: String, cfsPeriod: String) {
        self.init(folder: folder, cpuMax: "\(cfsQuota) \(cfsPeriod)")
    }

    /// Rounded up.
    package var processors: Int {
        (quotaMicroseconds - 1) / periodMicroseconds + 1
    }

    /// "1.5".
    var share: String {
        let hundredths = (quotaMicroseconds * 100 + periodMicroseconds / 2) / periodMicroseconds
        let (whole, rest) = (hundredths / 100, hundredths % 100)
        if rest == 0 { return "\(whole)" }
        return rest % 10 == 0 ? "\(whole).\(rest / 10)" : "\(whole).\(rest < 10 ? "0" : "")\(rest)"
    }
}
