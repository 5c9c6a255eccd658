// Writes to standard output and standard error: everything or nothing more, whatever is at the other end.
import Glibc

enum StandardStream: Int32 {
    case output = 1
    case error = 2

    /// False when nobody reads any more (`| head`): the caller ends quietly. Other failures (a full disk) are one line on
    /// standard error.
    @discardableResult
    func write(_ bytes: Bytes) -> Bool {
        let code = attempt(bytes)
        if code != 0, code != EPIPE, self == .output {
            Self.error.writeLine("luafleet: standard output: \(systemMessage(code))")
        }
        return code == 0
    }

    /// 0, or the errno value of what went wrong.
    func attempt(_ bytes: Bytes) -> Int32 {
        var written = 0
        while written < bytes.count {
            let count = bytes[written...].withUnsafeBytes { Glibc.write(rawValue, $0.baseAddress, $0.count) }
            if count >= 0 {
                written += count
                continue
            }
            switch errno {
            case EINTR: continue
            case EAGAIN:
                var readiness = pollfd(fd: rawValue, events: Int16(POLLOUT), revents: 0)
                poll(&readiness, 1, -1)
            case let code: return code
            }
        }
        return 0
    }

    func writeLine(_ text: String) {
        write(Bytes(text.utf8) + [UInt8(ascii: "\n")])
    }
}
