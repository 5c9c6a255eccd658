// The joblog's file: read and checked before a run, then a line for every task that has ended, each with one write.
import Glibc

struct JobLog: ~Copyable {
    private let fd: Int32
    private let name: String
    private let keepsLines: Bool

    /// What is to be said about a log that was cut off.
    private(set) var remark: String?

    /// Opens the log and takes its lock. Without `resume` what an earlier run left is thrown away when the first line is written.
    ///
    /// - Throws: where the file is no joblog, or another run writes to it.
    init(_ name: String, resume: KeepingPlan.Resume) throws(UsageError) {
        self.name = name
        keepsLines = resume != .nothing
        fd = open(name, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0o666)
        guard fd >= 0 else { throw UsageError("--joblog \(name): cannot be written: \(systemMessage(errno))") }
        guard flock(fd, LOCK_EX | LOCK_NB) == 0 else {
            throw UsageError("--joblog \(name): another run is writing to it")
        }
    }

    deinit {
        close(fd)
    }

    /// Reads what is there, gives `add` every line, and makes the file ready for more.
    ///
    /// `isOwn` says whether a command is one of this run's script. A last line without line feed is what a killed run leaves: its task has not been
    /// logged and runs again.
    mutating func begin(
        isOwn: (String) -> Bool, add: (JobLogLine) -> Void
    ) throws(UsageError) {
        var status = stat()
        guard fstat(fd, &status) == 0 else { throw failure("cannot be read: \(systemMessage(errno))") }
        // A pipe or /dev/stderr has nothing to read.
        guard status.st_mode & S_IFMT == S_IFREG else {
            if keepsLines { throw failure("is no file that can be read again") }
            try write(JobLogLine.header)
            return
        }
        guard status.st_size > 0 else {
            try write(JobLogLine.header)
            return
        }
        let end = try read(isOwn: isOwn, add: add)
        if keepsLines, end > 0 {
            guard ftruncate(fd, off_t(end)) == 0 else { throw failure("cannot be written: \(systemMessage(errno))") }
        } else {
            guard ftruncate(fd, 0) == 0 else { throw failure("cannot be written: \(systemMessage(errno))") }
            try write(JobLogLine.header)
        }
    }

    /// Where the last whole line ends.
    private mutating func read(isOwn: (String) -> Bool, add: (JobLogLine) -> Void) throws(UsageError) -> Int {
        let (fd, name) = (self.fd, self.name)
        var isCut = false
        var size = 0
        var lines = LineReader(
            ChunkSource(name: name) { () throws(UsageError) in
                let chunk = try readChunk(fd, name: name)
                if let last = chunk.last { isCut = last != UInt8(ascii: "\n") }
                size += chunk.count
                return chunk
            })
        var pending: Bytes?
        var pendingNumber = 0
        var end = 0
        var foreign: String?
        var hasOwn = false
        // A line behind, so that the last one is known to be the last.
        while true {
            let line = try lines.next()
            if let pending, line != nil || !isCut {
                if pendingNumber == 1 {
                    try checkHeader(pending)
                } else if keepsLines {
                    guard let entry = JobLogLine(String(decoding: pending, as: UTF8.self)) else {
                        throw failure("line \(pendingNumber): no line of a joblog: '\(pending.shown(limit: 40))'")
                    }
                    if isOwn(entry.command) { hasOwn = true } else { foreign = foreign ?? entry.command }
                    add(entry)
                }
                end += pending.count + 1
            }
            guard let line else { break }
            pending = line
            pendingNumber = lines.number
            if !keepsLines, pendingNumber > 1 { break }  // what is thrown away needs no reading
        }
        if let foreign, !hasOwn {
            throw failure(
                "of another run: it has '\(Bytes(foreign.utf8).shown(limit: 60))', and nothing of this script")
        }
        guard keepsLines, isCut else { return end }
        if pendingNumber == 1, let pending {
            // Cut in the header: nothing was logged yet.
            guard JobLogLine.header.utf8.starts(with: pending) else { throw notOurs }
            return 0
        }
        remark = "\(name): line \(pendingNumber) is cut off: its task runs again"
        return end
    }

    /// Also where nothing is resumed: a name typed wrong must not cost a file.
    private func checkHeader(_ line: Bytes) throws(UsageError) {
        let text = String(decoding: line, as: UTF8.self)
        if text + "\n" == JobLogLine.header { return }
        guard text.hasPrefix("Seq\tHost\tStarttime\t") else { throw notOurs }
        if keepsLines {
            throw failure(
                "a joblog of another program or release: its columns are not ours, and there is no telling what has been done"
            )
        }
    }

    private var notOurs: UsageError { failure("exists and is no joblog: it is left alone") }

    func add(_ line: JobLogLine) throws(UsageError) {
        try write(line.text)
    }

    /// In one piece: a kill finds a line whole or not there, a full disk leaves the last one cut.
    private func write(_ text: String) throws(UsageError) {
        let bytes = Bytes(text.utf8)
        while true {
            let count = bytes.withUnsafeBytes { Glibc.write(fd, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count == bytes.count else {
                throw failure("cannot be written: \(systemMessage(count < 0 ? errno : ENOSPC))")
            }
            return
        }
    }

    private func failure(_ reason: String) -> UsageError { UsageError("--joblog \(name): \(reason)") }
}
