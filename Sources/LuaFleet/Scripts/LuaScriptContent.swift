// The bytes of a script: read once, compared by what they are, checked before any worker sees them.
import Glibc
import LuaFleetWire
import Synchronization

/// A script's chunk name and source. Compared by identity first, then by content; the hash is computed once.
final class LuaScriptContent: Sendable, Hashable {
    /// Lua's chunk name: "@path" or "=name".
    let chunkName: [UInt8]
    let source: [UInt8]
    let form: ScriptDefinition.Form
    private let hash: Int

    init(chunkName: String, source: [UInt8], form: ScriptDefinition.Form) {
        self.form = form
        self.chunkName = Array(chunkName.utf8)
        self.source = source
        var hasher = Hasher()
        hasher.combine(self.chunkName)
        hasher.combine(source)
        self.hash = hasher.finalize()
    }

    static func == (left: LuaScriptContent, right: LuaScriptContent) -> Bool {
        left === right
            || left.hash == right.hash && left.form == right.form && left.chunkName == right.chunkName
                && left.source == right.source
    }

    func hash(into hasher: inout Hasher) {
        hasher.combine(hash)
    }

    /// The chunk name for people.
    var name: String { String(decoding: chunkName.dropFirst(), as: UTF8.self) }
}

extension LuaScript {
    /// Where a script comes from, and its content once that is known.
    final class Origin: Sendable {
        enum Kind: Hashable, Sendable {
            case source([UInt8], chunkName: String)
            case file(String)
            /// A function by value, as an encoded message.
            case function([UInt8])
        }

        let kind: Kind
        private let loaded = Mutex<LuaScriptContent?>(nil)

        init(_ kind: Kind) {
            self.kind = kind
        }

        var name: String {
            switch kind {
            case .source(_, let chunkName): String(chunkName.dropFirst())
            case .file(let path): path
            case .function: "(function)"
            }
        }

        /// The content, read at the first call.
        func content() throws(LuaFleetError) -> LuaScriptContent {
            if let content = loaded.withLock({ $0 }) { return content }
            let content: LuaScriptContent
            switch kind {
            case .source(let source, let chunkName):
                content = LuaScriptContent(chunkName: chunkName, source: source, form: .text)
            case .file(let path):
                content = LuaScriptContent(
                    chunkName: "@" + path, source: try Self.read(path), form: .textOrBytecode)
            case .function(let message):
                content = LuaScriptContent(chunkName: "=(function)", source: message, form: .function)
            }
            loaded.withLock { $0 = content }
            return content
        }

        private static func read(_ path: String) throws(LuaFleetError) -> [UInt8] {
            let fd = open(path, O_RDONLY | O_CLOEXEC)
            guard fd >= 0 else { throw .script(path, String(cString: strerror(errno))) }
            defer { close(fd) }
            var status = stat()
            guard fstat(fd, &status) == 0 else { throw .script(path, String(cString: strerror(errno))) }
            if status.st_mode & S_IFMT == S_IFDIR { throw .script(path, "Is a directory") }
            var bytes = [UInt8]()
            // One more than the size, so that the end of a file that did not change is seen without another call.
            var room = max(4096, Int(status.st_size) + 1)
            while true {
                var count = 0
                let chunk = [UInt8](unsafeUninitializedCapacity: room) { buffer, initialized in
                    count = Glibc.read(fd, buffer.baseAddress, room)
                    initialized = max(0, count)
                }
                if count < 0 && errno == EINTR { continue }
                guard count >= 0 else { throw .script(path, String(cString: strerror(errno))) }
                if count == 0 { break }
                if bytes.isEmpty { bytes = chunk } else { bytes.append(contentsOf: chunk) }
                guard bytes.count <= 64 << 20 else { throw .script(path, "larger than 64 MiB") }
                if count < room && Int(status.st_size) == bytes.count { break }
                room = 64 * 1024
            }
            try check(bytes, path)
            return bytes
        }

        /// Lua's own message for a binary is "unexpected symbol near '<\127>'", which helps nobody.
        private static func check(_ bytes: [UInt8], _ path: String) throws(LuaFleetError) {
            guard !bytes.starts(with: [0x1B, 0x4C, 0x75, 0x61]) else { return }  // ESC "Lua": compiled
            if bytes.starts(with: [0x7F, 0x45, 0x4C, 0x46]) {
                throw .script(path, "not a Lua script but an executable program (ELF)")
            }
            if bytes.prefix(4096).contains(0) { throw .script(path, "not a Lua script but a binary file") }
        }
    }
}

extension LuaScript {
    /// Reads the file now, and says what is wrong with it before any task does.
    package func load() throws(LuaFleetError) {
        _ = try origin.content()
    }
}
