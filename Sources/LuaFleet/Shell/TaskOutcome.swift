// How a task ended, as the shell tells it to whoever waits.
import LuaFleetCore
import LuaFleetWire

/// How a task ended, with all that is known of it.
struct TaskOutcome: Sendable {
    /// What the worker answered.
    enum Answer: Sendable {
        /// An encoded message of results.
        case values([UInt8])
        case failure(WireFailure, [UInt8])
    }

    /// What few tasks have. Apart, for an outcome is handed on several times, and each time the references in it are counted.
    struct Extras: Sendable {
        /// Keeps the shared objects in the results until they are decoded.
        var references: [SharedReference] = []
        var standardOutput: [UInt8] = []
        var standardError: [UInt8] = []
        /// The code of `os.exit`, where the script called it.
        var exitCode: Int32?
        /// Where it was measured.
        var usage: TaskUsage?
        /// The encoded arguments of a task that failed and had short ones.
        var arguments: [UInt8] = []
    }

    /// Never changed while somebody else holds it.
    private final class ExtrasBox: @unchecked Sendable {  // see above
        var extras = Extras()
    }

    var end: TaskEnd
    var answer: Answer?
    var hasFailed: Bool { end != .answered }
    /// From the start in the worker to the end there; for one that was killed, as the host saw it.
    var nanoseconds: UInt64 = 0
    var attempts: UInt32 = 0
    var worker: Int = 0
    var pid: Int32 = 0
    private var box: ExtrasBox?

    init(end: TaskEnd) {
        self.end = end
    }

    var extras: Extras {
        get { box?.extras ?? Extras() }
        _modify {
            if !isKnownUniquelyReferenced(&box) {
                let own = ExtrasBox()
                if let box { own.extras = box.extras }
                box = own
            }
            yield &box!.extras  // made above where there was none
        }
    }
}
