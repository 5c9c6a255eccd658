// swift-tools-version: 6.2
// The package LuaFleet: a library, its worker executable and a command line. Who may import whom is in ARCHITECTURE of the
// documentation (Sources/LuaFleet/LuaFleet.docc); the target dependencies below enforce it.
import PackageDescription

/// `Scripts/luafleet` builds with `LUAFLEET_STATIC=1`: executables that need no shared Swift library and start fast. The
/// command line is linked wholly statically; the worker stays dynamic towards libc, because Lua's `require` opens C modules.
let isStaticBuild = Context.environment["LUAFLEET_STATIC"] == "1"
let commandLineLinking: [LinkerSetting] =
    isStaticBuild ? [.unsafeFlags(["-static-executable", "-Xlinker", "-no-pie"])] : []
let workerLinking: [LinkerSetting] =
    isStaticBuild
    ? [.unsafeFlags(["-Xclang-linker", "-static-libgcc", "-Xlinker", "-no-pie", "-Xlinker", "-z", "-Xlinker", "now"])]
    : []
/// Swift's static runtime asks for `-lstdc++` before any linker flag of ours is read, and every shared library costs the worker's
/// start a third of a millisecond. Only what a module autolinks is read earlier, and it is read as a response file: so the
/// archive comes first there, and the shared library after it is "not needed".
let workerSwift: [SwiftSetting] =
    isStaticBuild
    ? [.unsafeFlags(["-Xfrontend", "-autolink-library", "-Xfrontend", ":libstdc++.a -Wl,--as-needed"])] : []

let strictC: [CSetting] = [
    .define("_GNU_SOURCE"), .unsafeFlags(["-Wall", "-Wextra", "-Werror", "-Wno-unused-parameter"]),
]

let package = Package(
    name: "LuaFleet",
    products: [
        .library(name: "LuaFleet", targets: ["LuaFleet"]),
        .executable(name: "luafleet", targets: ["luafleet"]),
        .executable(name: "luafleet-worker", targets: ["luafleet-worker"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
    ],
    targets: [
        .systemLibrary(name: "CLua", path: "CLua", pkgConfig: "lua5.4", providers: [.apt(["liblua5.4-dev"])]),
        .target(
            name: "LuaVM", dependencies: ["CLua", "CFleetSystem"], cSettings: strictC,
            linkerSettings: [.linkedLibrary("m")]),  // a static liblua5.4 needs it
        .target(name: "CFleetSystem", cSettings: strictC),
        .target(name: "LuaFleetWire"),
        .target(
            name: "LuaFleetCore",
            dependencies: ["LuaFleetWire"]),
        .target(
            name: "LuaFleet",
            dependencies: [
                "LuaFleetCore", "LuaFleetWire", "CFleetSystem",
                "luafleet-worker",  // so that the worker is built beside every app that uses the library
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "DequeModule", package: "swift-collections"),
            ]),
        .target(name: "LuaFleetWorker", dependencies: ["LuaFleetWire", "LuaVM", "CFleetSystem"]),
        .executableTarget(
            name: "luafleet-worker", dependencies: ["LuaFleetWorker"], swiftSettings: workerSwift,
            linkerSettings: workerLinking),
        .executableTarget(
            name: "luafleet",
            dependencies: [
                "LuaFleet", "LuaFleetCore", "LuaFleetWire", "LuaVM", "CFleetSystem",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ],
            linkerSettings: commandLineLinking),
        .testTarget(name: "LuaFleetWireTests", dependencies: ["LuaFleetWire"]),
        .testTarget(name: "LuaFleetCoreTests", dependencies: ["LuaFleetCore", "LuaFleetWire"]),
        .target(name: "LuaVMFuzz", dependencies: ["LuaVM"], path: "Tests/LuaVMFuzz", cSettings: strictC),
        .testTarget(
            name: "LuaVMTests", dependencies: ["LuaVM", "LuaVMFuzz", "CLua", "LuaFleetWire", "CFleetSystem"]),
        .testTarget(
            name: "LuaFleetTests",
            dependencies: [
                "LuaFleet", "LuaFleetCore", "LuaFleetWire", "LuaVM", "CFleetSystem", "SandboxProbe",
                .product(name: "NIOCore", package: "swift-nio"), .product(name: "NIOPosix", package: "swift-nio"),
            ]),
        .target(name: "SandboxProbe", path: "Tests/SandboxProbe", cSettings: strictC),
        .executableTarget(
            name: "sandbox-probe",
            dependencies: ["SandboxProbe", "LuaFleetWorker", "LuaFleetWire", "CFleetSystem"],
            path: "Tests/sandbox-probe"),
        .target(name: "CChaos", path: "Tests/CChaos", cSettings: strictC),
        .executableTarget(
            name: "chaos", dependencies: ["LuaFleet", "LuaFleetWire", "CFleetSystem", "CChaos"], path: "Tests/chaos"),
        .executableTarget(name: "test-host", dependencies: ["LuaFleet"], path: "Tests/test-host"),
        .testTarget(
            name: "IntegrationTests",
            dependencies: [
                "LuaFleet", "LuaFleetWire", "CFleetSystem", "CChaos", "test-host", "sandbox-probe", "chaos",
            ]),
        .target(name: "CTerminal", path: "Tests/CTerminal", cSettings: strictC),
        .testTarget(name: "CommandLineTests", dependencies: ["luafleet", "LuaFleet", "CFleetSystem", "CTerminal"]),
    ],
    swiftLanguageModes: [.v6]
)
