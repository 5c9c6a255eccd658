// Which layers of protection and comfort this kernel offers, probed without changing anything.
import CFleetSystem
import Glibc

package struct KernelLayers: Equatable, Sendable {
    package enum Layer: Equatable, Sendable {
        case present
        /// Why, as the errno value that asking for it gives.
        case missing(Int32)

        fileprivate init(_ answer: Int32) {
            self = answer >= 0 ? .present : .missing(-answer)
        }
    }

    /// From 1; files since 1, network since 4, signals and abstract sockets since 6.
    package var landlockVersion: Int?
    package var landlock: Layer
    package var seccompFilter: Layer
    package var noNewPrivileges: Layer
    package var memoryFiles: Layer
    package var processDescriptors: Layer
    package var closeRange: Layer

    package static func probe() -> KernelLayers {
        let landlock = lfs_landlock_version()
        return KernelLayers(
            landlockVersion: landlock > 0 ? Int(landlock) : nil, landlock: Layer(landlock),
            seccompFilter: Layer(lfs_has_seccomp_filter()), noNewPrivileges: Layer(lfs_has_no_new_privs()),
            memoryFiles: Layer(lfs_has_memfd()), processDescriptors: Layer(lfs_has_pidfd()),
            closeRange: Layer(lfs_has_close_range()))
    }
}
