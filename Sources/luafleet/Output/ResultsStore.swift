// Writes --results: folders, a table, or lines of JSON. Whether it can is tried before anything runs.
import Glibc
import LuaFleet

struct ResultsStore: ~Copyable {
    private enum Kind {
        case folder(String)
        case table(Int32, ResultsTable)
        case jsonLines(Int32)
    }

    private let name: String
    private var kind: Kind

    /// Makes the folder or the file; a file that is there is emptied, unless the run goes on with an earlier one.
    init(_ target: ResultsTarget, appends: Bool) throws(UsageError) {
        switch target {
        case .folder(let path):
            name = path
            try Self.makeFolders(path)
            guard access(path, W_OK | X_OK) == 0 else { throw Self.cannotWrite(path, errno) }
            kind = .folder(path)
        case .table(let path, let separator):
            name = path
            kind = .table(try Self.open(path, appends: appends), ResultsTable(separator: separator))
        case .jsonLines(let path):
            name = path
            kind = .jsonLines(try Self.open(path, appends: appends))
        }
    }

    mutating func add(_ task: inout TaskReport, _ line: JobLogLine, columnNames: [Bytes]) throws(UsageError) {
        switch kind {
        case .folder(let root):
            var path = Bytes(root.utf8)
            for part in ResultsLayout.folder(of: task, columnNames: columnNames) {
                path += [UInt8(ascii: "/")] + part
                try Self.makeFolder(path)
            }
            for (name, content) in task.resultFiles {
                let file = path + "/\(name)".utf8
                let fd = Glibc.open(
                    file.map { CChar(bitPattern: $0) } + [0], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o666)
                guard fd >= 0 else { throw Self.cannotWrite(file.shown(limit: 300), errno) }
                do throws(UsageError) {
                    try Self.write(content, to: fd, file.shown(limit: 300))
                    // Some file systems find out only now that there is no room (close(2)).
                    if close(fd) != 0 { throw Self.cannotWrite(file.shown(limit: 300), errno) }
                } catch {
                    // A part of it would look like all of it.
                    unlink(file.map { CChar(bitPattern: $0) } + [0])
                    throw error
                }
            }
        case .table(let fd, var table):
            let row = table.row(line, task)
            kind = .table(fd, table)
            try Self.write(row, to: fd, name)
        case .jsonLines(let fd): try Self.write(task.json(), to: fd, name)
        }
    }

    private static func open(_ path: String, appends: Bool) throws(UsageError) -> Int32 {
        if path == "-" { return STDOUT_FILENO }
        let fd = Glibc.open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | (appends ? 0 : O_TRUNC), 0o666)
        guard fd >= 0 else { throw cannotWrite(path, errno) }
        return fd
    }

    private static func makeFolders(_ path: String) throws(UsageError) {
        var made = Bytes()
        for part in path.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false) {
            made += part
            if !part.isEmpty { try makeFolder(made) }
            made.append(UInt8(ascii: "/"))
        }
    }

    private static func makeFolder(_ path: Bytes) throws(UsageError) {
        let text = path.map { CChar(bitPattern: $0) } + [0]
        if mkdir(text, 0o777) == 0 { return }
        let code = errno
        var status = stat()
        guard code == EEXIST, stat(text, &status) == 0 else { throw cannotWrite(path.shown(limit: 300), code) }
        guard status.st_mode & S_IFMT == S_IFDIR else {
            throw cannotWrite(path.shown(limit: 300), ENOTDIR)
        }
    }

    /// All of it; where there is no room for that, nothing: what a later run appends begins a line of its own.
    private static func write(_ bytes: Bytes, to fd: Int32, _ name: String) throws(UsageError) {
        var before = stat()
        let isFile = fstat(fd, &before) == 0 && before.st_mode & S_IFMT == S_IFREG
        var written = 0
        while written < bytes.count {
            let count = bytes[written...].withUnsafeBytes { Glibc.write(fd, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else {
                let code = count == 0 ? ENOSPC : errno
                if isFile, written > 0 { _ = ftruncate(fd, before.st_size) }
                throw cannotWrite(name, code)
            }
            written += count
        }
    }

    private static func cannotWrite(_ path: String, _ code: Int32) -> UsageError {
        UsageError("--results \(path): cannot be written: \(systemMessage(code))")
    }
}
