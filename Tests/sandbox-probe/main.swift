// Puts a sandbox on itself and tries what native code in a locked worker would try: "name denied" or "name SUCCEEDED", a line each.
//   sandbox-probe hide landlock|seccomp|memfd|close_range|pidfd PROGRAM ARGUMENT...    runs a program on a kernel that seems to lack something
//   sandbox-probe LEVEL UID [--without LAYER...]    as user UID, or as it is where UID is "-"; as root it drops to "nobody", as a worker does
import CFleetSystem
import Glibc
import LuaFleetWire
import LuaFleetWorker
import SandboxProbe

func fail(_ message: String) -> Never {
    print("sandbox-probe: \(message): \(String(cString: strerror(errno)))")
    exit(2)
}

let words = Array(CommandLine.arguments.dropFirst())
if words.count >= 3, words[0] == "hide" {
    guard sandbox_probe_hide(words[1]) == 0 else { fail("hide \(words[1])") }
    let arguments = words[2...].map { strdup($0) } + [nil]
    execv(words[2], arguments)
    fail(words[2])
}
guard words.count >= 2, let level = ["none": WireSandbox.none, "safe": .safe, "locked": .locked][words[0]] else {
    fail("usage: sandbox-probe none|safe|locked UID|- [--without LAYER...]")
}
if let user = uid_t(words[1]), lfs_drop_user(user, user) != 0 { fail("setresuid") }
let without = SandboxLayers(SandboxLayer.allCases.filter { words.dropFirst(2).contains($0.name) })

// A file that this user owns.
var path = Array("/tmp/luafleet-probe-XXXXXX".utf8CString)
let file = mkstemp(&path)
guard file >= 0, write(file, "secret", 6) == 6 else { fail("mkstemp") }
let secret = strdup(path)!  // memory for a path is there

// A server on a port, and a socket that could reach it.
let server = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
var address = sockaddr_in()
address.sin_family = sa_family_t(AF_INET)
address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
var size = socklen_t(MemoryLayout<sockaddr_in>.size)
let bound = withUnsafeMutablePointer(to: &address) {
    $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(server, $0, size) == 0 && listen(server, 1) == 0 && getsockname(server, $0, &size) == 0
    }
}
guard bound else { fail("bind") }

// Somebody of the same user. It ignores SIGTERM, to be there for all attempts.
let victim = lfs_fork()
if victim == 0 {
    signal(SIGTERM, SIG_IGN)
    _ = lfs_die_with_parent()
    while true { pause() }
}

let output = lfs_capture_file("probe")
var settings = WorkerSettings()
settings.sandbox = level
settings.memory = 64 << 20
settings.cpuTime = 5_000_000_000
var succeeded = 0
for attempt in 0..<sandbox_probe_count() {
    fflush(nil)
    let parent = getpid()
    let child = lfs_fork()
    if child == 0 {
        let unconnected = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        dup2(output, 1)
        let hardening = Hardening(settings, layers: level.layers.subtracting(without), server: parent)
        if level == .locked && !hardening.missing.isEmpty { _exit(255) }
        var outside = sandbox_probe_outside(
            victim: victim, secret: secret, port: Int32(UInt16(bigEndian: address.sin_port)), socket: unconnected)
        _exit(sandbox_probe_try(Int32(attempt), &outside))
    }
    var ended = lfs_exit()
    while lfs_reap(child, true, false, &ended) == -EINTR {}
    let name = String(cString: sandbox_probe_name(Int32(attempt)))
    if ended.signaled {
        print(name, "denied by signal", ended.code)
    } else if ended.code == 255 {
        print(name, "NOT HARDENED")
        succeeded += 1
    } else if ended.code == 0 {
        print(name, "SUCCEEDED")
        succeeded += 1
    } else {
        print(name, "denied:", String(cString: strerror(ended.code)))
    }
}
kill(victim, SIGKILL)
unlink(secret)
for leftOver in [".new", ".fifo"] { unlink(String(cString: secret) + leftOver) }
rmdir(String(cString: secret) + ".d")
for leftOver in ["link", "symlink", "none"] { unlink("/tmp/luafleet-probe-\(leftOver)") }
print("attempts", sandbox_probe_count(), "succeeded", succeeded)
exit(succeeded == 0 ? 0 : 1)
