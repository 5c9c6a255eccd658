// Small text files of /proc and /sys, read whole.
import Glibc

/// Nil where it cannot be read. They tell no size, so it is read until it ends.
package func systemFile(_ path: String) -> String? {
    let fd = open(path, O_RDONLY | O_CLOEXEC)
    guard fd >= 0 else { return nil }
    defer { close(fd) }
    var text = [UInt8]()
    var chunk = [UInt8](repeating: 0, count: 4096)
    while true {
        let count = read(fd, &chunk, chunk.count)
        if count < 0, errno == EINTR { continue }
        guard count > 0 else { return count == 0 ? String(decoding: text, as: UTF8.self) : nil }
        text += chunk[..<count]
    }
}
