// How many tasks of a map go to a worker together.

/// How many tasks go to a worker in one message. Each keeps its own deadline, error, cancellation and retries, whatever the size. `chunksize` in Python.
public enum LuaChunkSize: Sendable, Hashable, ExpressibleByIntegerLiteral {
    /// As many as suit the duration of the tasks: about 4 ms of work, one where a task takes longer than that. Default.
    case auto
    /// So many, at least 1; fewer at the end of the inputs.
    case fixed(Int)

    public init(integerLiteral value: Int) {
        self = .fixed(value)
    }
}
