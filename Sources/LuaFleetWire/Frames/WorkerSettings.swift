// What a pool's workers are to be: sandbox level, budgets, directory, preloaded scripts. The host tells the fork server once, before anything else.

/// How much a worker keeps its scripts from. HAZARDS' three levels.
package enum WireSandbox: UInt8, Sendable, CaseIterable, Comparable {
    case none = 0
    case safe = 1
    case locked = 2

    package static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }

    /// What is put on at this level: `safe` goes on without those that are missing, `locked` does not.
    package var layers: SandboxLayers {
        switch self {
        case .none: .none
        case .safe: SandboxLayers([.resourceLimits, .noNewPrivileges, .landlockScope])
        case .locked: SandboxLayers(SandboxLayer.allCases)
        }
    }
}

/// A value; the fork server and the workers it starts all have the same.
package struct WorkerSettings: Equatable, Sendable {
    /// A script that runs before the first task, and what it returns as a module.
    package struct Preload: Equatable, Sendable {
        /// As reports and errors call it.
        package var name: String
        package var form: ScriptDefinition.Form
        package var chunkName: [UInt8]
        package var source: [UInt8]
        /// What `require` finds the returned value by.
        package var module: [UInt8]

        package init(name: String, form: ScriptDefinition.Form, chunkName: [UInt8], source: [UInt8], module: [UInt8]) {
            self.name = name
            self.form = form
            self.chunkName = chunkName
            self.source = source
            self.module = module
        }
    }

    package var sandbox: WireSandbox = .none
    /// Every worker is a fresh execution of the program, instead of a fork of the fork server.
    package var isSpawned = false
    /// What to do with output over the limit: drop it, with a mark, instead of failing the task.
    package var cutsOutput = false
    /// Whether a task can be interrupted by an error in its script.
    package var isInterruptible = false
    /// Layers that `locked` does without where they are missing.
    package var waived = SandboxLayers.none
    // Budgets of a task; 0: none.
    package var memory: UInt64 = 0  // bytes
    package var cpuTime: UInt64 = 0  // nanoseconds
    package var instructions: UInt64 = 0
    package var output: UInt64 = 0  // bytes, of both streams together
    package var result: UInt64 = 0  // bytes
    /// Where workers run; empty: where the host was when it started them.
    package var workingDirectory: [UInt8] = []
    package var preload: [Preload] = []

    package init() {}

    package var payload: [UInt8] {
        var bytes = [UInt8]()
        bytes.append(integer: sandbox.rawValue)
        bytes.append(integer: UInt8(isSpawned ? 1 : 0))
        bytes.append(integer: UInt8(cutsOutput ? 1 : 0))
        bytes.append(integer: UInt8(isInterruptible ? 1 : 0))
        bytes.append(integer: waived.rawValue)
        for budget in [memory, cpuTime, instructions, output, result] { bytes.append(integer: budget) }
        bytes.append(counted: workingDirectory)
        bytes.append(integer: UInt32(clamping: preload.count))
        for script in preload {
            bytes.append(integer: script.form.rawValue)
            bytes.append(counted: script.name.utf8)
            bytes.append(counted: script.chunkName)
            bytes.append(counted: script.source)
            bytes.append(counted: script.module)
        }
        return bytes
    }

    package init?(payload: UnsafeRawBufferPointer) {
        var reader = FieldReader(payload)
        guard let sandbox = reader.integer(UInt8.self).flatMap(WireSandbox.init),
            let isSpawned = reader.integer(UInt8.self), let cutsOutput = reader.integer(UInt8.self),
            let isInterruptible = reader.integer(UInt8.self), let waived = reader.integer(UInt32.self),
            let memory = reader.integer(UInt64.self), let cpuTime = reader.integer(UInt64.self),
            let instructions = reader.integer(UInt64.self), let output = reader.integer(UInt64.self),
            let result = reader.integer(UInt64.self), let directory = reader.counted(), !directory.contains(0),
            let count = reader.integer(UInt32.self)
        else { return nil }
        self.sandbox = sandbox
        self.isSpawned = isSpawned != 0
        self.cutsOutput = cutsOutput != 0
        self.isInterruptible = isInterruptible != 0
        self.waived = SandboxLayers(rawValue: waived)
        self.memory = memory
        self.cpuTime = cpuTime
        self.instructions = instructions
        self.output = output
        self.result = result
        workingDirectory = Array(directory)
        for _ in 0..<count {
            guard let form = reader.integer(UInt32.self).flatMap(ScriptDefinition.Form.init),
                let name = reader.counted(), let chunkName = reader.counted(), !chunkName.contains(0),
                let source = reader.counted(), let module = reader.counted()
            else { return nil }
            preload.append(
                Preload(
                    name: String(decoding: name, as: UTF8.self), form: form, chunkName: Array(chunkName),
                    source: Array(source), module: Array(module)))
        }
        guard reader.rest.isEmpty else { return nil }
    }
}
