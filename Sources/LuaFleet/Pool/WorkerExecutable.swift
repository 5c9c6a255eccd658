// Where the worker's executable is found.
import Glibc

extension LuaPool {
    /// The path of the worker: `configured` if given; else `LUAFLEET_WORKER` from the environment; else `luafleet-worker` beside the running
    /// executable; else on `PATH`.
    ///
    /// - Throws: ``LuaFleetError`` with code `setup`, naming the places, when there is none.
    public static func findWorker(configured: String? = nil) throws(LuaFleetError) -> String {
        if let configured { return configured }
        if let named = getenv("LUAFLEET_WORKER") { return String(cString: named) }
        var tried = [String]()
        if let folder = executableFolder() {
            let path = folder + "/luafleet-worker"
            if access(path, X_OK) == 0 { return path }
            tried.append(folder)
        }
        if let list = getenv("PATH") {
            for folder in String(cString: list).split(separator: ":") {
                let path = String(folder) + "/luafleet-worker"
                if access(path, X_OK) == 0 { return path }
            }
            tried.append("PATH")
        }
        throw LuaFleetError(
            code: .setup,
            message: "no executable luafleet-worker in \(tried.joined(separator: " or ")); LUAFLEET_WORKER may name it")
    }

    private static func executableFolder() -> String? {
        withUnsafeTemporaryAllocation(byteCount: Int(PATH_MAX), alignment: 1) { space in
            let buffer = space.baseAddress!.assumingMemoryBound(to: CChar.self)  // PATH_MAX is not 0
            let count = readlink("/proc/self/exe", buffer, space.count)
            guard count > 0, let slash = space[..<count].lastIndex(of: UInt8(ascii: "/")) else { return nil }
            return String(decoding: space[..<slash], as: UTF8.self)
        }
    }
}
