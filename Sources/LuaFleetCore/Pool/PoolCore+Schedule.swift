// Which worker gets what, how much ahead of need, and what is taken back.
import LuaFleetWire

extension PoolCore {
    /// Hands queued tasks to workers: to idle ones first, then to those that have room for more.
    mutating func schedule(at now: Moment) {
        while !queue.isEmpty {
            if let slot = idle.last {
                idle.removeLast()
                workers[Int(slot)].idlePlace = -1
                workers[Int(slot)].heardAt = now
                assign(to: Int(slot), at: now)
            } else if let slot = roomy.popLast() {
                workers[Int(slot)].isRoomy = false
                if hasRoom(Int(slot)) { assign(to: Int(slot), at: now) }
            } else {
                break
            }
        }
        // The rest of a loaded worker's tasks may be had by an idle one.
        if queue.isEmpty, !idle.isEmpty, loaded.head != Self.noIndex {
            if stealDue == nil { stealDue = now + configuration.stealPause }
        } else {
            stealDue = nil
        }
    }

    /// How many tasks a worker is given ahead: as many as fill the time that word takes to the host and back, none where they take longer than that.
    var depth: UInt32 {
        guard usualDuration > 0 else { return 1 }
        let fitting = configuration.prefetch.clampedNanoseconds / usualDuration
        return UInt32(clamping: max(1, min(fitting, UInt64(configuration.prefetchTasks))))
    }

    /// Whether a worker that is busy should have more to do.
    private func hasRoom(_ slot: Int) -> Bool {
        guard workers[slot].state == .up, !workers[slot].isRecalling, workers[slot].flyingCount > 0,
            workers[slot].interrupted == nil,
            workers[slot].end == nil, !isAtItsEnd(slot), workers[slot].flyingCount <= depth / 2,
            case let tail = workers[slot].flying.tail,
            tail != Self.noIndex,
            upCount + startingCount <= configuration.maximumWorkers  // else none would ever be idle, and end
        else { return false }
        return batches[Int(nodes[tail].batch)].policy.allowsPrefetch
    }

    /// Whether it has had all the tasks that a worker may do.
    func isAtItsEnd(_ slot: Int) -> Bool {
        configuration.recycleAfterTasks > 0 && workers[slot].assigned >= configuration.recycleAfterTasks
    }

    /// Gives a worker its share of the queue.
    private mutating func assign(to slot: Int, at now: Moment) {
        // Evenly, so that nobody is idle at the end while another has a list to do.
        let share = UInt32(clamping: (queuedCount + UInt64(max(upCount, 1)) - 1) / UInt64(max(upCount, 1)))
        var left = max(1, min(depth - min(depth - 1, workers[slot].flyingCount), share))
        if configuration.recycleAfterTasks > 0 {
            left = min(left, configuration.recycleAfterTasks - workers[slot].assigned)
        }
        while left > 0, !queue.isEmpty {
            var node = queue.head
            let policy = batches[Int(nodes[node].batch)].policy
            guard policy.allowsPrefetch || workers[slot].flyingCount == 0 else { break }
            if !policy.allowsPrefetch { left = 1 }
            var part = left
            if policy.chunk > 0 {
                part = (part + policy.chunk - 1) / policy.chunk * policy.chunk
                if configuration.recycleAfterTasks > 0 {
                    part = min(part, configuration.recycleAfterTasks - workers[slot].assigned)
                }
            }
            part = min(part, nodes[node].count)
            if part < nodes[node].count { node = split(node, part) }
            fly(node, to: slot, at: now)
            left -= min(left, part)
        }
        noteLoad(slot)
        armLook(slot, at: now)
    }

    private mutating func fly(_ node: UInt32, to slot: Int, at now: Moment) {
        leavePlace(node)
        let count = nodes[node].count
        nodes[node].place = .flying(UInt32(slot))
        nodes[node].attempt += 1
        nodes[node].sequence = workers[slot].sequence &+ 1
        nodes.append(node, to: &workers[slot].flying)
        workers[slot].flyingCount += count
        workers[slot].assigned += count
        workers[slot].sequence = workers[slot].sequence &+ count
        workers[slot].isSettled = false
        flyingCount += UInt64(count)
        let batch = Int(nodes[node].batch)
        if nodes[node].attempt == 1 {
            let wait = now.nanoseconds - min(now.nanoseconds, batches[batch].submittedAt.nanoseconds)
            statistics.waits.add(wait, times: UInt64(count))
        }
        actions.append(
            .send(
                range(of: node), to: id(slot), sequence: nodes[node].sequence, attempt: nodes[node].attempt,
                epoch: workers[slot].epoch))
    }

    /// A worker that is up has more or fewer tasks than before.
    mutating func taskCountChanged(_ slot: Int, at now: Moment) {
        noteLoad(slot)
        if workers[slot].flyingCount == 0 {
            // What was sent before word of a recall comes would be taken back with the rest, and begin there all the same.
            if workers[slot].idlePlace < 0, !workers[slot].isRecalling { becomeIdle(slot, at: now) }
            return
        }
        if !workers[slot].isRoomy, hasRoom(slot) {
            workers[slot].isRoomy = true
            roomy.append(UInt32(slot))
        }
        armLook(slot, at: now)
    }

    /// Learns how long tasks take: quickly, since the next ones are likely to be like the last.
    mutating func noteDuration(_ nanoseconds: UInt64, of count: UInt32) {
        let each = max(1, nanoseconds / UInt64(count))
        statistics.runs.add(each, times: UInt64(count))
        guard usualDuration > 0, count < 8 else {
            usualDuration = each
            return
        }
        let weight = UInt64(count)
        usualDuration = max(1, (usualDuration / 8 * (8 - weight)) &+ each / 8 * weight)
    }

    // MARK: Taking back

    /// Asks for whatever has not begun there.
    mutating func recall(_ slot: Int) {
        guard !workers[slot].isRecalling else { return }
        workers[slot].isRecalling = true
        workers[slot].epoch &+= 1
        actions.append(.recall(id(slot), epoch: workers[slot].epoch))
    }

    /// Nothing of the former epoch begins there any more; the last task that did has sequence `started` and began at `startedAt`.
    package mutating func workerRecalled(_ worker: WorkerID, started: UInt32, startedAt: Moment, at now: Moment) {
        guard let slot = slot(of: worker), workers[slot].isRecalling else { return }
        workers[slot].isRecalling = false
        let claimed = started
        let started = begun(slot, claimed)
        takeBack(from: slot, after: started, at: now)
        workers[slot].isSettled = true
        workers[slot].cancelsRecalled = false
        guard workers[slot].state == .up else { return }
        if let running = running(slot, started) {
            let startedAt = start(of: started, on: slot, claimed: startedAt, at: now)
            judge(running, on: slot, startedAt: startedAt, claimed: claimed, at: now)
        }
        if workers[slot].state == .up { taskCountChanged(slot, at: now) }
    }

    /// What was sent behind `started` is queued again in front of everything else, in its order; what was cancelled ends.
    mutating func takeBack(from slot: Int, after started: UInt32, at now: Moment) {
        while case var node = workers[slot].flying.tail, node != Self.noIndex,
            precedes(started, nodes[node].lastSequence)
        {
            if !precedes(started, nodes[node].sequence) {
                _ = split(node, started &- nodes[node].sequence &+ 1)
                node = workers[slot].flying.tail
            }
            workers[slot].assigned -= nodes[node].count
            nodes[node].attempt -= 1
            let batch = Int(nodes[node].batch)
            if batches[batch].isCancelled || workers[slot].cancelsRecalled {
                finish(node, .cancelled, worker: nil)
            } else if let limit = batches[batch].policy.queueTime, nodes[node].attempt == 0,
                batches[batch].submittedAt + limit <= now
            {
                finish(node, .queueTimedOut(limit: limit), worker: nil)
            } else if state == .closing || state == .closed {
                finish(node, .poolTerminated, worker: nil)
            } else {
                leavePlace(node)
                nodes[node].place = .queued
                nodes.prepend(node, to: &queue)
                queuedCount += UInt64(nodes[node].count)
            }
        }
    }

    /// The node whose task is the last that began, if that has not been answered.
    func running(_ slot: Int, _ started: UInt32) -> UInt32? {
        var node = workers[slot].flying.head
        while node != Self.noIndex {
            if precedes(started, nodes[node].sequence) { return nil }
            if !precedes(nodes[node].lastSequence, started) { return node }
            node = nodes[node].next
        }
        return nil
    }
}
