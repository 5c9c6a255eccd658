// What starts next, and when: places, pauses, retries, draining. A value: it is told what happened and what time it is.

struct StartPlan: Sendable {
    enum Step: Equatable, Sendable {
        /// The next retry in line.
        case retry
        /// The next input.
        case input
        /// Nothing before something happens, or before `until`.
        case wait(until: ContinuousClock.Instant?)
        /// Nothing ever again.
        case end
    }

    /// How often the machine is looked at while it is too busy. Shorter: the looking costs; longer: places stay empty.
    static let machineInterval = Duration.milliseconds(200)

    /// Tasks that may be started and not ended at a time; at least 1.
    let places: Int
    let delay: Duration?
    /// Whether a task that fails may have to start again: then the end of the inputs is not the end.
    let mayRetry: Bool
    /// Ended tasks whose output waits for an earlier one's; more start no further task.
    let heldLimit: Int

    private(set) var running = 0
    private(set) var retries = 0
    private(set) var held = 0
    private(set) var inputsEnded = false
    private(set) var isDraining = false
    private var earliest: ContinuousClock.Instant?

    init(places: Int, delay: Duration? = nil, mayRetry: Bool = false, heldLimit: Int = .max) {
        self.places = max(1, places)
        self.delay = delay
        self.mayRetry = mayRetry
        self.heldLimit = heldLimit
    }

    /// What to do now. `machineIsFree` is asked only when everything else allows a start.
    func step(at now: ContinuousClock.Instant, machineIsFree: () -> Bool = { true }) -> Step {
        if isDraining { return .end }
        if inputsEnded, retries == 0 {
            return mayRetry && running > 0 ? .wait(until: nil) : .end
        }
        // A retry goes first also where much is held: what is held may wait for it.
        guard running < places, held < heldLimit || retries > 0 else { return .wait(until: nil) }
        if let earliest, now < earliest { return .wait(until: earliest) }
        guard machineIsFree() else { return .wait(until: now + Self.machineInterval) }
        return retries > 0 ? .retry : .input
    }

    mutating func taskStarted(isRetry: Bool, at now: ContinuousClock.Instant) {
        running += 1
        if isRetry { retries -= 1 }
        if let delay { earliest = now + delay }
    }

    mutating func taskEnded(retries again: Bool) {
        running -= 1
        if again { retries += 1 }
    }

    /// `count` ended tasks' output waits for its turn.
    mutating func outputHeld(_ count: Int) {
        held = count
    }

    mutating func inputEnded() {
        inputsEnded = true
    }

    /// Nothing starts any more; what runs may finish.
    mutating func drain() {
        isDraining = true
    }
}
