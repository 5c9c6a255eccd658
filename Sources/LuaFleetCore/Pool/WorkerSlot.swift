// What the core knows of a worker.
import LuaFleetWire

struct WorkerSlot {
    enum State: Equatable {
        /// Nobody. Becomes starting.
        case vacant
        /// Asked for; says "ready" next, or ends.
        case starting
        /// Runs the pool's initializer; is up when that has answered.
        case initializing
        /// Takes tasks; idle while none flies to it. Retires, is killed, or ends.
        case up
        /// Runs the pool's finalizer, and is killed when that has answered.
        case finalizing
        /// Killed; its exit report comes next.
        case ending
    }

    var generation: UInt32 = 0
    var state = State.vacant
    /// What was sent to it and has not been answered, in that order.
    var flying = NodeList()
    var flyingCount: UInt32 = 0
    /// Of the last task sent.
    var sequence: UInt32 = 0
    /// Goes up by one with each recall; names what is sent.
    var epoch: UInt32 = 0
    /// Tasks that were sent and have not come back without having begun.
    var assigned: UInt32 = 0
    var hasAnswered = false
    /// The last answer, or the sending to an idle worker.
    var heardAt = Moment(nanoseconds: 0)
    /// Looks in a row that found nothing new.
    var looks = 0
    /// All that flies there has begun: it was recalled, and nothing was sent since.
    var isSettled = false
    /// A recall or an inspection is on its way to the shell and back.
    var isRecalling = false
    var isInspecting = false
    /// What comes back by that recall ends as cancelled.
    var cancelsRecalled = false
    /// The last task that was seen to run there, and the first word of when it began: memory that a script may get at can put it off for ever.
    var seen: (sequence: UInt32, startedAt: Moment)?
    /// The task that was asked to end by an error, how it ends, and when patience ends.
    var interrupted: (sequence: UInt32, end: TaskEnd, until: Moment)?
    /// How the task ends that runs at the kill; nil: as the exit report says.
    var killReason: TaskEnd?
    /// Why it ends, where the pool ends it.
    var end: WorkerEnd?
    /// Where it stands in `idle`, while it is idle.
    var idlePlace = -1
    /// Stands in `roomy`, perhaps from before it lost its room.
    var isRoomy = false
    // Neighbours in `loaded`.
    var isLoaded = false
    var loadedPrevious = PoolCore.noIndex
    var loadedNext = PoolCore.noIndex

    /// Everything about the former tenant is forgotten but what outlives it: the generation, and its entry in `roomy`.
    mutating func vacate() {
        let (generation, isRoomy) = (generation, isRoomy)
        self = WorkerSlot()
        self.generation = generation &+ 1
        self.isRoomy = isRoomy
    }
}

struct WorkerList {
    var head = PoolCore.noIndex
}

extension PoolCore {
    /// A worker stands in `loaded` while it is up and has more than one task, unless they are known to have begun: it would be asked again and again,
    /// and none of the others ever.
    mutating func noteLoad(_ slot: Int) {
        let isLoaded = workers[slot].state == .up && workers[slot].flyingCount > 1 && !workers[slot].isSettled
        guard isLoaded != workers[slot].isLoaded else { return }
        workers[slot].isLoaded = isLoaded
        if isLoaded {
            workers[slot].loadedPrevious = Self.noIndex
            workers[slot].loadedNext = loaded.head
            if loaded.head != Self.noIndex { workers[Int(loaded.head)].loadedPrevious = UInt32(slot) }
            loaded.head = UInt32(slot)
        } else {
            let (previous, next) = (workers[slot].loadedPrevious, workers[slot].loadedNext)
            if previous != Self.noIndex { workers[Int(previous)].loadedNext = next } else { loaded.head = next }
            if next != Self.noIndex { workers[Int(next)].loadedPrevious = previous }
        }
    }

    /// The slot of a worker that is still its tenant.
    func slot(of worker: WorkerID) -> Int? {
        let slot = Int(worker.slot)
        guard slot < workers.count, workers[slot].generation == worker.generation, workers[slot].state != .vacant else {
            return nil
        }
        return slot
    }

    func id(_ slot: Int) -> WorkerID {
        WorkerID(slot: UInt32(slot), generation: workers[slot].generation)
    }
}

/// Whether sequence number `left` comes before `right`; they may have wrapped around.
func precedes(_ left: UInt32, _ right: UInt32) -> Bool {
    Int32(bitPattern: left &- right) < 0
}
