// F41: how many processors, out of what the system says.
import LuaFleetCore
import Testing

@Suite struct ProcessorsTests {
    private func quota(_ cpuMax: String) -> ProcessorQuota? { ProcessorQuota(folder: "/g", cpuMax: cpuMax) }

    @Test func `F41: the least of online, affinity and quota`() throws {
        #expect(ProcessorFacts(online: 8).usable == 8)
        #expect(ProcessorFacts(online: 8, affinity: 3).usable == 3)
        let half = try #require(quota("150000 100000"))
        #expect(ProcessorFacts(online: 8, affinity: 3, quotas: [half]).usable == 2)
        #expect(ProcessorFacts(online: 1, affinity: 1, quotas: [half]).usable == 1)
        #expect(ProcessorFacts(online: 0, affinity: 0).usable == 1)
    }

    @Test(arguments: [
        ("100000 100000", 1), ("100001 100000", 2), ("1000 100000", 1), ("400000 100000", 4), ("250000 50000\n", 5),
    ])
    func `F41: a quota is rounded up`(text: String, processors: Int) {
        #expect(quota(text)?.processors == processors)
    }

    @Test(arguments: ["max 100000", "", "x", "100000", "0 100000", "-1 100000", "100000 0", "1 2 3"])
    func `no quota`(text: String) {
        #expect(quota(text) == nil)
    }

    @Test func `version 1: minus one is no quota`() {
        #expect(ProcessorQuota(folder: "/g", cfsQuota: "-1\n", cfsPeriod: "100000\n") == nil)
        #expect(ProcessorQuota(folder: "/g", cfsQuota: "50000\n", cfsPeriod: "100000\n")?.processors == 1)
    }

    @Test func `the explanation marks what decides`() throws {
        let facts = ProcessorFacts(online: 8, affinity: 4, quotas: [try #require(quota("150000 100000"))])
        #expect(
            facts.explanation == [
                "8 online", "4 by affinity (taskset, sched_setaffinity)",
                "2 by the quota of /g: 1.5 processors  ← decides",
            ])
        #expect(ProcessorFacts(online: 8).explanation == ["8 online"])
    }
}

@Suite struct ControlGroupTests {
    private let unified = "30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n"
    private let hybrid = """
        30 23 0:26 / /sys/fs/cgroup ro - tmpfs tmpfs ro
        31 30 0:27 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw
        32 30 0:28 /docker/abc /sys/fs/cgroup/cpu,cpuacct rw shared:9 - cgroup cgroup rw,cpu,cpuacct
        33 30 0:29 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory

        """

    @Test func `version 2: the group and all above it`() {
        let folders = ControlGroupFolder.holdingQuotas(membership: "0::/user.slice/a b.scope\n", mounts: unified)
        #expect(
            folders.map(\.path) == [
                "/sys/fs/cgroup/user.slice/a b.scope", "/sys/fs/cgroup/user.slice", "/sys/fs/cgroup",
            ])
        #expect(folders.allSatisfy { $0.version == .two })
    }

    @Test func `version 2 in a container of its own`() {
        #expect(
            ControlGroupFolder.holdingQuotas(membership: "0::/\n", mounts: unified).map(\.path) == ["/sys/fs/cgroup"])
        #expect(
            ControlGroupFolder.holdingQuotas(membership: "0::/../../x\n", mounts: unified).map(\.path) == [
                "/sys/fs/cgroup"
            ])
    }

    @Test func `version 1: the controller's own mount, whose root is not the system's`() {
        let folders = ControlGroupFolder.holdingQuotas(
            membership: "4:memory:/docker/abc\n3:cpu,cpuacct:/docker/abc/inner\n0::/\n", mounts: hybrid)
        #expect(
            folders == [
                ControlGroupFolder(version: .one, path: "/sys/fs/cgroup/cpu,cpuacct/inner"),
                ControlGroupFolder(version: .one, path: "/sys/fs/cgroup/cpu,cpuacct"),
                ControlGroupFolder(version: .two, path: "/sys/fs/cgroup/unified"),
            ])
    }

    @Test func `versions that are mounted`() {
        #expect(ControlGroupFolder.versions(mounts: unified) == [.two])
        #expect(ControlGroupFolder.versions(mounts: hybrid) == [.one, .two])
        #expect(ControlGroupFolder.versions(mounts: "garbage\n\n - \n") == [])
    }

    @Test(arguments: ["", "x", "0:", "::", "0::"])
    func `what nobody can read gives nothing`(membership: String) {
        #expect(ControlGroupFolder.holdingQuotas(membership: membership, mounts: "").isEmpty)
    }
}
