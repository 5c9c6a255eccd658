// The host's end of the memory that it shares with a fork server and its workers: one file, a page for each slot.
import CFleetSystem
import Glibc
import LuaFleetCore
import LuaFleetWire

/// Made before the fork server is spawned, which gets the file as a descriptor. A slot's page is the same for all its tenants; the fork server makes it anew for each.
final class WorkerPages: @unchecked Sendable {  // made by the spawner, then touched on one event loop only
    private static let slotsPerMapping = WorkerPage.slotsPerMapping
    private static let mappingSize = slotsPerMapping * WorkerPage.size

    /// The file; open as long as this object lives.
    let fd: Int32
    private var mappings: [UnsafeMutableRawPointer] = []
    /// It lies on a file system that can be full.
    private let isBounded: Bool

    init() throws(SetupFailure) {
        fd = lfs_shared_file("luafleet-pages")
        isBounded = fd >= 0 && lfs_file_is_bounded(fd)
        guard fd >= 0 else { throw .hostResources(-fd) }
    }

    deinit {
        for mapping in mappings { munmap(mapping, Self.mappingSize) }
        if fd >= 0 { close(fd) }
    }

    /// The page of a slot. Ask for it before the fork server is told to start a worker there: it makes the file long enough. What it says counts
    /// from the worker's `ready` frame on. nil: no memory, or no room on the file system where it lies; `errno` says why.
    func page(_ slot: Int) -> WorkerPage? {
        while mappings.count <= slot / Self.slotsPerMapping {
            let offset = mappings.count * Self.mappingSize
            guard ftruncate(fd, off_t(offset + Self.mappingSize)) == 0,
                let mapping = lfs_map_file(fd, UInt64(offset), Self.mappingSize)
            else { return nil }
            mappings.append(mapping)
        }
        if isBounded {
            let reserved = lfs_reserve(fd, UInt64(slot * WorkerPage.size), UInt64(WorkerPage.size))
            guard reserved == 0 else {
                errno = -reserved
                return nil
            }
        }
        return WorkerPage(
            start: mappings[slot / Self.slotsPerMapping] + slot % Self.slotsPerMapping * WorkerPage.size)
    }
}
