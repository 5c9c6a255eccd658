// Exit statuses of the worker program's own. A script may exit with any of them too: the host believes them only where no task runs.

enum WorkerStatus {
    /// Started by hand, or with words it does not know.
    static let usage: Int32 = 64
    /// The host's end of the socket is closed.
    static let hostGone: Int32 = 0
    /// The host sent what is not the protocol.
    static let protocolViolation: Int32 = 76
    /// Memory or descriptors ran out before the first task.
    static let noResources: Int32 = 71
    /// A fresh-process task was cut off in the middle of the stream by a signal that does not end the worker.
    static let streamCut: Int32 = 77
    /// It has forked so many processes for tasks, or so many of them crashed, that those to come shall have other addresses.
    static let wornOut: Int32 = 78
}
