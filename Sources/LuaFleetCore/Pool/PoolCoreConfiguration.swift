// What the core needs to know about a pool.
import LuaFleetWire

package struct PoolCoreConfiguration: Equatable, Sendable {
    /// Workers to have at most; at least 1.
    package var maximumWorkers: Int
    /// Workers to have always.
    package var minimumWorkers: Int
    /// How long a worker above the minimum may be idle; nil: for ever.
    package var idleTime: Duration?
    /// Tasks that a worker may do; 0: any number.
    package var recycleAfterTasks: UInt32 = 0
    /// Resident memory that a worker may hold between tasks; 0: any.
    package var recycleAboveBytes: UInt64 = 0
    package var hasInitializer = false
    package var hasFinalizer = false
    /// Workers may say anything: a task that was sent to one counts as begun, so that none is given out again and again by a worker that denies it.
    package var distrustsWorkers = false
    /// What an initializer or a finalizer may take. Smaller: one that loads much is cut off; larger: one that hangs is noticed later.
    package var preparationLimit: Duration = .seconds(60)

    /// From being asked for until "ready". Smaller: a busy machine's workers are given up; larger: a worker that hangs is noticed later.
    package var startLimit: Duration = .seconds(10)
    /// From SIGKILL until the exit report. Past it the slot is taken back and the task ends, even if the kernel holds the process.
    package var killLimit: Duration = .seconds(5)
    /// Starts in a row that may fail before the pool gives up. Smaller: a moment's lack of memory breaks the pool; larger: a broken worker is tried for longer.
    package var startAttempts = 5
    /// The first pause after a failed start; doubled each time, up to a second.
    package var firstPause: Duration = .milliseconds(10)
    /// From giving up until a task that is submitted makes the pool try once more. Smaller: a pool that cannot start spends its time trying; larger: one that could again refuses tasks for longer.
    package var brokenPause: Duration = .seconds(1)

    /// Work that a worker is given ahead. Smaller: workers wait for the host between short tasks; larger: more has to be taken back from one that a long task holds.
    package var prefetch: Duration = .milliseconds(1)
    /// Tasks that a worker is given at most. Larger: longer frames, more to be done again by hand when a worker dies.
    package var prefetchTasks: UInt32 = 4096
    /// How long an idle worker waits before it takes tasks from one that has several. Smaller: tasks move that would have been done at once; larger: they wait behind a long one.
    package var stealPause: Duration = .microseconds(200)
    /// How long the host waits for word of a worker with several tasks before it looks for itself; longer each time nothing has happened.
    package var lookPause: Duration = .milliseconds(10)
    /// From sending a task with a deadline to its start. Past it the worker is taken for stuck (stopped, or the machine is) and another gets the task.
    package var beginLimit: Duration = .seconds(5)

    package init(workers: Int) {
        maximumWorkers = max(1, workers)
        minimumWorkers = max(1, workers)
    }
}
