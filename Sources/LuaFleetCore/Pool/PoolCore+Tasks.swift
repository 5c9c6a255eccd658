// Events about tasks: submitted, answered, cancelled; and what their ends mean.
import LuaFleetWire

extension PoolCore {
    /// Tasks were submitted, at least one. Each ends exactly once, in an action `finish`. O(1).
    package mutating func tasksSubmitted(_ count: UInt32, _ policy: TaskPolicy, at now: Moment) -> BatchID {
        precondition(count > 0)
        mend(at: now)
        let index: UInt32
        if firstVacantBatch != Self.noIndex {
            index = firstVacantBatch
            firstVacantBatch = batches[Int(index)].nextVacant
        } else {
            index = UInt32(batches.count)
            batches.append(BatchSlot())
        }
        batches[Int(index)].policy = policy
        batches[Int(index)].open = count
        batches[Int(index)].isCancelled = false
        batches[Int(index)].submittedAt = now
        let id = BatchID(index: index, generation: batches[Int(index)].generation)
        let node = nodes.make(batch: index, lower: 0, upper: count)
        nodes.append(node, toBatch: &batches[Int(index)].nodes)
        statistics.submitted += UInt64(count)
        enqueue(node)
        if state != .open && state != .opening {
            finish(node, broken.map { .setupFailed($0) } ?? .poolTerminated, worker: nil)
        } else if let broken, upCount == 0 {
            finish(node, .setupFailed(broken), worker: nil)
        } else if let limit = policy.queueTime {
            queueLimits.set(index, due: now + limit)
        }
        return id
    }

    /// A worker answered tasks that were sent to it, `count` in a row from `sequence` on, all in the same way, in `nanoseconds` together (0: not known). A violation where they
    /// are not the next ones that fly there: the shell kills it. O(1) where they are of one batch.
    package mutating func tasksEnded(
        on worker: WorkerID, sequence: UInt32, count: UInt32, _ end: TaskEnd, nanoseconds: UInt64, at now: Moment
    ) throws(ProtocolViolation) {
        guard let slot = slot(of: worker) else { return }  // a former tenant's last words
        guard !isTerminated else { return }  // they have ended already
        guard count > 0, count <= workers[slot].flyingCount else { throw .wrongTask(sequence) }
        var next = sequence
        var left = count
        while left > 0 {
            var node = workers[slot].flying.head
            guard node != Self.noIndex, nodes[node].sequence == next else { throw .wrongTask(next) }
            var part = min(left, nodes[node].count)
            if let interrupted = workers[slot].interrupted, case let ahead = interrupted.sequence &- next, ahead < part
            {
                part = max(1, ahead)  // those before it failed by themselves
            }
            if part < nodes[node].count { node = split(node, part) }
            next = next &+ part
            left -= part
            var end = end
            if let interrupted = workers[slot].interrupted, interrupted.sequence == nodes[node].lastSequence {
                // The error that was asked for; a task that had returned before has returned.
                if end != .answered { end = interrupted.end }
                workers[slot].interrupted = nil
            }
            conclude(node, end, worker: worker, at: now)
        }
        if nanoseconds > 0 { noteDuration(nanoseconds, of: count) }
        workers[slot].hasAnswered = true
        workers[slot].heardAt = now
        workers[slot].looks = 0
        idleDeaths = 0
        guard workers[slot].state == .up else { return }
        if configuration.recycleAboveBytes > 0 { actions.append(.measure(worker)) }
        taskCountChanged(slot, at: now)
    }

    /// Nobody wants the batch any more. What is queued ends now; what was sent and has not begun comes back and ends; what runs ends with its worker.
    package mutating func batchCancelled(_ id: BatchID, at now: Moment) {
        guard Int(id.index) < batches.count, batches[Int(id.index)].generation == id.generation,
            batches[Int(id.index)].open > 0
        else { return }
        batches[Int(id.index)].isCancelled = true
        var node = batches[Int(id.index)].nodes.head
        while node != Self.noIndex {
            let next = nodes[node].batchNext
            switch nodes[node].place {
            case .queued, .waiting: finish(node, .cancelled, worker: nil)
            case .flying(let slot): if workers[Int(slot)].state == .up { recall(Int(slot)) }
            case .vacant: break
            }
            node = next
        }
    }

    /// Everything that waits ends, also what was sent to a worker and has not begun; what runs goes on. O(workers).
    package mutating func queueCancelled(at now: Moment) {
        finishAllWaiting(.cancelled)
        for slot in workers.indices where workers[slot].state == .up && workers[slot].flyingCount > 0 {
            guard !workers[slot].isSettled else { continue }
            workers[slot].cancelsRecalled = true
            recall(slot)
        }
    }

    // MARK: Ends

    /// Tasks ended so, by whatever way: they are tried again or end for good.
    mutating func conclude(_ node: UInt32, _ end: TaskEnd, worker: WorkerID?, at now: Moment) {
        let batch = Int(nodes[node].batch)
        let retry = batches[batch].policy.retry
        if end != .answered {
            if case .workerDied = end { nodes[node].kills += 1 }
            let kinds = end.retryKinds
            let isWanted = !kinds.isEmpty && retry.kinds.isSuperset(of: kinds) && !batches[batch].isCancelled
            let isSetAside = retry.maxKills > 0 && nodes[node].kills >= retry.maxKills
            if isWanted, isSetAside, case .workerDied(let exit) = end {
                return finish(node, .quarantined(kills: nodes[node].kills, last: exit), worker: worker)
            }
            if isWanted, nodes[node].attempt <= retry.max, state != .closing, state != .closed {
                actions.append(.repeated(range(of: node), end, worker: worker))
                statistics.repeated += UInt64(nodes[node].count)
                leavePlace(node)
                let pause = retry.pause(after: nodes[node].attempt)
                if pause > .zero {
                    nodes[node].place = .waiting
                    waitingCount += UInt64(nodes[node].count)
                    delays.set(node, due: now + pause)
                } else {
                    enqueue(node)
                }
                return
            }
        }
        finish(node, end, worker: worker)
    }

    /// Ends tasks for good, wherever they are.
    mutating func finish(_ node: UInt32, _ end: TaskEnd, worker: WorkerID?) {
        let range = range(of: node)
        actions.append(.finish(range, end, worker: worker))
        statistics.count(end, range.count)
        leavePlace(node)
        let batch = Int(nodes[node].batch)
        nodes.remove(node, fromBatch: &batches[batch].nodes)
        nodes.free(node)
        batches[batch].open -= range.count
        guard batches[batch].open == 0 else { return }
        batches[batch].generation &+= 1
        queueLimits.remove(UInt32(batch))
        freed.append(UInt32(batch))
    }

    mutating func finishAllWaiting(_ end: TaskEnd) {
        while !queue.isEmpty { finish(queue.head, end, worker: nil) }
        while let (_, node) = delays.earliest { finish(node, end, worker: nil) }
    }

    func range(of node: UInt32) -> TaskRange {
        let batch = nodes[node].batch
        return TaskRange(
            BatchID(index: batch, generation: batches[Int(batch)].generation), nodes[node].lower, nodes[node].upper)
    }

    // MARK: Places

    mutating func enqueue(_ node: UInt32) {
        nodes[node].place = .queued
        nodes.append(node, to: &queue)
        queuedCount += UInt64(nodes[node].count)
    }

    /// Takes a node out of where it is.
    mutating func leavePlace(_ node: UInt32) {
        let count = UInt64(nodes[node].count)
        switch nodes[node].place {
        case .vacant:
            break
        case .queued:
            nodes.remove(node, from: &queue)
            queuedCount -= count
        case .flying(let slot):
            nodes.remove(node, from: &workers[Int(slot)].flying)
            workers[Int(slot)].flyingCount -= UInt32(count)
            flyingCount -= count
        case .waiting:
            delays.remove(node)
            waitingCount -= count
        }
        nodes[node].place = .vacant
    }

    /// Makes a node of the first `count` tasks of `node`, in front of it in the same place. `node` has more than that.
    mutating func split(_ node: UInt32, _ count: UInt32) -> UInt32 {
        let original = nodes[node]
        let front = nodes.make(batch: original.batch, lower: original.lower, upper: original.lower + count)
        nodes[front].attempt = original.attempt
        nodes[front].kills = original.kills
        nodes[front].place = original.place
        nodes[front].sequence = original.sequence
        nodes[node].lower += count
        nodes[node].sequence = original.sequence &+ count
        nodes.append(front, toBatch: &batches[Int(original.batch)].nodes)
        switch original.place {
        case .queued: nodes.insert(front, before: node, in: &queue)
        case .flying(let slot): nodes.insert(front, before: node, in: &workers[Int(slot)].flying)
        case .vacant, .waiting: break
        }
        return front
    }
}

extension PoolCore {
    /// The task of sequence number `sequence` on that worker, while it flies there. O(nodes that fly there), mostly the first one.
    package func task(at sequence: UInt32, on worker: WorkerID) -> (batch: BatchID, index: UInt32)? {
        guard let slot = slot(of: worker), let node = running(slot, sequence) else { return nil }
        let range = range(of: node)
        return (range.batch, range.lower + (sequence &- nodes[node].sequence))
    }

    /// Mutating, though it changes nothing: a value in a class is copied for a caller in another module that only looks at it.
    package mutating func standing() -> PoolStanding {
        PoolStanding(usualShare: Int(depth), nextMoment: state == .closed ? nil : nextMoment)
    }
}

/// What the shell has to know after each event.
package struct PoolStanding: Sendable {
    /// How many tasks a worker is given at a time, at least 1: what a stream of tasks should have ready for each.
    package var usualShare: Int
    /// When `timePassed` has to be called next; nil: not before another event.
    package var nextMoment: Moment?
}
