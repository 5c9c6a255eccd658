// Bytes of a file, pipe or terminal, a chunk at a time and only when asked for.
import Glibc

/// A name for messages, and a function that gives the next bytes: none at the end.
struct ChunkSource {
    typealias Read = () throws(UsageError) -> Bytes

    /// Smaller: more system calls for a large file; larger: more memory a source. A pipe holds 64 KiB.
    static let chunkBytes = 65_536

    let name: String
    /// A file of a disk.
    let neverWaits: Bool
    let read: Read

    init(name: String, neverWaits: Bool = false, read: @escaping Read) {
        self.name = name
        self.neverWaits = neverWaits
        self.read = read
    }

    /// Opens `file`; `-` is standard input. A file's descriptor is closed at its end.
    static func open(_ file: Bytes) throws(UsageError) -> ChunkSource {
        if file == Bytes("-".utf8) {
            let name = "standard input"
            return ChunkSource(name: name, neverWaits: isFile(STDIN_FILENO)) { () throws(UsageError) in
                try readChunk(STDIN_FILENO, name: name)
            }
        }
        let name = file.shown()
        let path = file.map { CChar(bitPattern: $0) } + [0]
        let fd = Glibc.open(path, O_RDONLY | O_CLOEXEC)
        guard fd >= 0 else { throw UsageError("\(name): cannot be read: \(systemMessage(errno))") }
        var isOpen = true
        return ChunkSource(name: name, neverWaits: isFile(fd)) { () throws(UsageError) in
            guard isOpen else { return [] }
            let chunk = try readChunk(fd, name: name)
            if chunk.isEmpty {
                isOpen = false
                close(fd)
            }
            return chunk
        }
    }
}

private func isFile(_ fd: Int32) -> Bool {
    var status = stat()
    return fstat(fd, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
}

/// What read(2) gives, waited for; none at the end.
func readChunk(_ fd: Int32, name: String) throws(UsageError) -> Bytes {
    while true {
        var failure: Int32 = 0
        let chunk = Bytes(unsafeUninitializedCapacity: ChunkSource.chunkBytes) { buffer, count in
            let result = Glibc.read(fd, buffer.baseAddress, buffer.count)
            if result < 0 { failure = errno }
            count = max(0, result)
        }
        switch failure {
        case 0: return chunk
        case EINTR: continue
        case EAGAIN:  // somebody else made it non-blocking, as happens with a shared terminal
            var readiness = pollfd(fd: fd, events: Int16(POLLIN), revents: 0)
            poll(&readiness, 1, -1)
        default: throw UsageError("\(name): cannot be read: \(systemMessage(failure))")
        }
    }
}

/// What the system calls an errno value: "No such file or directory".
func systemMessage(_ code: Int32) -> String {
    String(cString: strerror(code))
}
