// Which folders hold the control groups of this process, out of the two files that tell (cgroups(7), proc(5)).

package struct ControlGroupFolder: Equatable, Sendable {
    package enum Version: Int, Sendable {
        case one = 1
        case two = 2
    }

    package var version: Version
    package var path: String

    package init(version: Version, path: String) {
        self.version = version
        self.path = path
    }

    /// The folders whose processor quota counts, inner ones first: a quota of any group above counts, too.
    /// `membership` is /proc/self/cgroup, `mounts` /proc/self/mountinfo.
    package static func holdingQuotas(membership: String, mounts: String) -> [ControlGroupFolder] {
        var folders = [ControlGroupFolder]()
        for line in membership.split(separator: "\n") {
            // "0::/user.slice" in version 2, "4:cpu,cpuacct:/docker/1" in version 1
            let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard fields.count == 3 else { continue }
            let controllers = fields[1].split(separator: ",")
            let version: Version = fields[0] == "0" && controllers.isEmpty ? .two : .one
            guard version == .two || controllers.contains("cpu"),
                let mount = Mount.all(in: mounts).first(where: {
                    $0.version == version && (version == .two || $0.hasProcessors)
                })
            else { continue }
            folders += mount.folders(of: String(fields[2])).map { ControlGroupFolder(version: version, path: $0) }
        }
        return folders
    }

    /// Which versions are mounted: both on a machine in between.
    package static func versions(mounts: String) -> [Version] {
        let mounted = Mount.all(in: mounts).map(\.version)
        return [.one, .two].filter(mounted.contains)
    }
}

private struct Mount {
    var version: ControlGroupFolder.Version
    /// The group that the folder shows: not "/" inside a container of version 1.
    var root: String
    var folder: String
    /// Version 1 only: whether the cpu controller is this mount's.
    var hasProcessors: Bool

    static func all(in mounts: String) -> [Mount] {
        mounts.split(separator: "\n").compactMap { line in
            // "36 35 98:0 ROOT FOLDER OPTIONS … - TYPE SOURCE SUPEROPTIONS"
            let words = line.split(separator: " ")
            guard let dash = words.firstIndex(of: "-"), dash >= 6, words.count > dash + 3,
                words[dash + 1] == "cgroup" || words[dash + 1] == "cgroup2"
            else { return nil }
            return Mount(
                version: words[dash + 1] == "cgroup2" ? .two : .one, root: String(words[3]), folder: String(words[4]),
                hasProcessors: words[dash + 3].split(separator: ",").contains("cpu"))
        }
    }

    /// The group's own folder and those above it, up to the mount's.
    func folders(of group: String) -> [String] {
        var names = group.split(separator: "/")
        let rootNames = root.split(separator: "/")
        // Seen from inside a container, the group is named from the root of the whole system, or not at all ("/../..").
        if names.starts(with: rootNames) { names.removeFirst(rootNames.count) }
        if names.contains("..") { names = [] }
        return (0...names.count).reversed().map { count in
            ([folder] + names.prefix(count).map(String.init)).joined(separator: "/")
        }
    }
}
