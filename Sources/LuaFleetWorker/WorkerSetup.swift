// What a pool's settings make of a process before its first task: its directory, its Lua state, the scripts that are preloaded.
import CFleetSystem
import Glibc
import LuaFleetWire
import LuaVM

/// Why a process cannot become what the settings say.
struct SetupError: Error {
    var message: ConfiguredMessage
}

extension WorkerSettings {
    /// The settings that stand in a file, or nil when they make no sense. The descriptor stays open.
    init?(file: Int32) {
        var status = stat()
        guard fstat(file, &status) == 0, status.st_size > 0 else { return nil }
        let size = Int(status.st_size)
        var isWhole = false
        let bytes = [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
            while count < size {
                let got = pread(file, buffer.baseAddress! + count, size - count, off_t(count))  // size is not 0
                if got < 0 && errno == EINTR { continue }
                guard got > 0 else { return }
                count += got
            }
            isWhole = true
        }
        guard isWhole else { return nil }
        self.init(payload: bytes)
    }

    private init?(payload: [UInt8]) {
        guard let settings = payload.withUnsafeBytes({ WorkerSettings(payload: $0) }) else { return nil }
        self = settings
    }

    /// A state as these settings want it, with everything preloaded. Its output goes nowhere until somebody adopts it.
    func makeVM() throws(SetupError) -> (vm: OpaquePointer, reports: [ConfiguredMessage.PreloadReport]) {
        var options = lfvm_options.capturing
        options.level = lfvm_level(UInt32(sandbox.rawValue))
        options.memory_limit = Int(clamping: memory)
        options.instructions = instructions
        options.interruptible = isInterruptible
        options.result_limit = Int(clamping: result)
        lfs_random(&options.seed, 16)
        guard let vm = lfvm_create(&options) else {
            throw SetupError(message: ConfiguredMessage(failure: .resources, text: "not enough memory for a Lua state"))
        }
        var reports: [ConfiguredMessage.PreloadReport] = []
        for script in preload { reports.append(try Self.run(script, in: vm)) }
        var failure = lfvm_message()
        if !preload.isEmpty && lfvm_end_preload(vm, &failure) != LFVM_OK {
            throw SetupError(message: ConfiguredMessage(failure: .resources, text: "not enough memory to preload"))
        }
        return (vm, reports)
    }

    private static func run(
        _ script: Preload, in vm: OpaquePointer
    ) throws(SetupError) -> ConfiguredMessage.PreloadReport {
        let start = lfs_now()
        let held = lfvm_memory_used(vm)
        var failure = lfvm_message()
        let status = (script.chunkName + [0]).withUnsafeBytes { name in
            // An empty one gets a byte that nobody reads, since it would have no address.
            (script.source + [0]).withUnsafeBufferPointer { source in
                (script.module + [0]).withUnsafeBytes { module in
                    lfvm_preload(
                        vm, name.baseAddress!.assumingMemoryBound(to: CChar.self),  // none of the three is empty
                        source.baseAddress!, script.source.count, script.form == .textOrBytecode,
                        module.baseAddress!.assumingMemoryBound(to: CChar.self), script.module.count, &failure)
                }
            }
        }
        guard status == LFVM_OK else {
            throw SetupError(
                message: ConfiguredMessage(failure: .preload, name: script.name, text: failureText(failure)))
        }
        let holds = lfvm_memory_used(vm)
        return ConfiguredMessage.PreloadReport(
            name: script.name, nanoseconds: lfs_now() - start, bytes: UInt64(holds > held ? holds - held : 0))
    }

    /// The first item of a failure message: what was raised, as text.
    private static func failureText(_ failure: lfvm_message) -> String {
        var bytes = [UInt8]()
        for piece in UnsafeBufferPointer(start: failure.pieces, count: failure.piece_count) {
            bytes.append(contentsOf: UnsafeRawBufferPointer(start: piece.bytes, count: piece.count))
        }
        return bytes.withUnsafeBytes { bytes in
            guard bytes.count >= 2, bytes[1] >> 5 == 2 else { return "(it cannot be described)" }
            // A byte string (RFC 8949): the length is in the head, or in the 1, 2 or 4 bytes behind it.
            let info = Int(bytes[1] & 31)
            let width = info < 24 ? 0 : 1 << (info - 24)
            guard width <= 4, bytes.count >= 2 + width else { return "(it cannot be described)" }
            let count = info < 24 ? info : bytes[2..<2 + width].reduce(0) { $0 << 8 | Int($1) }
            return String(decoding: bytes[(2 + width)...].prefix(count), as: UTF8.self)
        }
    }

    /// Goes to the directory where workers are to be.
    func enterDirectory() throws(SetupError) {
        let directory = workingDirectory.isEmpty && sandbox == .locked ? [UInt8(ascii: "/")] : workingDirectory
        guard !directory.isEmpty else { return }
        let result = (directory + [0]).withUnsafeBytes {
            chdir($0.baseAddress!.assumingMemoryBound(to: CChar.self))  // ends with a zero byte: not empty
        }
        guard result == 0 else {
            throw SetupError(
                message: ConfiguredMessage(
                    failure: .workingDirectory, name: String(decoding: directory, as: UTF8.self),
                    text: String(cString: strerror(errno))))
        }
    }
}
