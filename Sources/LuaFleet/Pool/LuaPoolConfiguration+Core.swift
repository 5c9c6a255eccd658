// What the settings of a pool mean to the core, and which of them make no sense.
import LuaFleetCore
import LuaFleetWire

extension LuaPoolConfiguration {
    /// - Throws: ``LuaFleetError`` with code `setup` that names the setting.
    func check() throws(LuaFleetError) {
        func require(_ condition: Bool, _ message: String) throws(LuaFleetError) {
            if !condition { throw LuaFleetError(code: .setup, message: message) }
        }
        try require(workers >= 1, "a pool needs at least 1 worker, not \(workers)")
        if let minimumWorkers {
            try require(
                (1...workers).contains(minimumWorkers),
                "minimumWorkers is between 1 and workers (\(workers)), not \(minimumWorkers)")
        }
        switch recycle {
        case .afterTasks(let count): try require(count >= 1, "a worker does at least 1 task, not \(count)")
        case .rssAbove(let bytes): try require(bytes >= 1, "rssAbove wants a number of bytes, not \(bytes)")
        case nil: break
        }
        try require(
            gracePeriod == .zero || gracePeriod >= .milliseconds(1),
            "a grace period is at least 1 ms, or zero, not \(gracePeriod)")
        try require(
            retry.max >= 0 && retry.maxKills >= 0, "a task cannot be retried \(min(retry.max, retry.maxKills)) times")
    }

    var core: PoolCoreConfiguration {
        var core = PoolCoreConfiguration(workers: workers)
        if let minimumWorkers {
            core.minimumWorkers = minimumWorkers
            core.idleTime = idleTimeout
        }
        switch recycle {
        case .afterTasks(let count): core.recycleAfterTasks = UInt32(clamping: count)
        case .rssAbove(let bytes): core.recycleAboveBytes = UInt64(clamping: bytes)
        case nil: break
        }
        if sandbox == .locked {
            core.recycleAfterTasks = 1  // a process is never shared
            core.distrustsWorkers = true
        }
        core.hasInitializer = initializer != nil
        core.hasFinalizer = finalizer != nil
        core.preparationLimit = preparationTimeout
        return core
    }

    /// Of every task, unless a call says otherwise.
    var policy: TaskPolicy {
        var policy = TaskPolicy(wallTime: effectiveLimits.wallTime)
        policy.queueTime = limits.queueTime
        if gracePeriod > .zero { policy.grace = gracePeriod }
        policy.allowsPrefetch = isolation != .freshProcess && sandbox != .locked
        if sandbox == .locked { policy.chunk = 1 }
        policy.retry.max = UInt32(clamping: retry.max)
        policy.retry.pause = retry.backoff
        policy.retry.maxKills = UInt32(clamping: retry.maxKills)
        for kind in retry.max > 0 ? retry.kinds : [] {
            switch kind {
            case .scriptError: policy.retry.kinds.insert(.scriptError)
            case .timeout: policy.retry.kinds.insert(.timeout)
            case .workerDied: policy.retry.kinds.insert(.workerDied)
            case .memoryLimit: policy.retry.kinds.insert(.memoryLimit)
            case .resultLimit: policy.retry.kinds.insert(.resultLimit)
            case .notEncodable: policy.retry.kinds.insert(.notEncodable)
            case .cpuLimit: policy.retry.kinds.insert(.cpuLimit)
            case .instructionLimit: policy.retry.kinds.insert(.instructionLimit)
            case .outputLimit: policy.retry.kinds.insert(.outputLimit)
            case .protocolViolation: policy.retry.kinds.insert(.protocolViolation)
            }
        }
        return policy
    }
}

extension LuaPreparation {
    func preparation() throws(LuaFleetError) -> TaskRequest {
        let function = Array((script.functionName ?? "").utf8)
        let payload: TaskPayload
        do {
            payload = try TaskPayload(function: function) { try LuaMessage.encode(arguments: arguments, into: &$0) }
        } catch {
            throw .notSent(error, to: script)
        }
        return TaskRequest(
            script: try script.origin.content(), function: function, arguments: .one(payload), isolation: .shared,
            policy: TaskPolicy())
    }
}
