// `bench codec`: what an item costs each of the two codecs, each way, with no pipe in between.
import LuaFleet
import LuaVM

extension Workload {
    static let codec = Workload(
        name: "codec",
        summary: "ns an integer, float, short string, table entry, each way, both codecs; ns a task of a batch"
    ) {
        try cFigures() + CodecBenchmark.run().map { Figure(suffix: $0.name, unit: "ns", value: $0.nanoseconds) }
    }

    /// The C codec's, in the order and with the names of the Swift codec's.
    private static func cFigures() throws -> [Figure] {
        var batch = 0.0
        guard lfvm_bench_batch(&batch) else { throw BenchFailure(message: "codec: not enough memory") }
        let kinds = [
            (LFVM_BENCH_INTEGER, "integer"), (LFVM_BENCH_FLOAT, "float"), (LFVM_BENCH_STRING, "string"),
            (LFVM_BENCH_ENTRY, "entry"), (LFVM_BENCH_SMALL_TABLE, "record"),
        ]
        return try [Figure(suffix: "c.task", unit: "ns", value: batch)]
            + kinds.flatMap { kind, name in
                var result = lfvm_bench_result()
                guard lfvm_bench_codec(kind, &result) else { throw BenchFailure(message: "codec: not enough memory") }
                return [
                    Figure(suffix: "c.encode.\(name)", unit: "ns", value: result.encode_nanoseconds),
                    Figure(suffix: "c.decode.\(name)", unit: "ns", value: result.decode_nanoseconds),
                ]
            }
    }
}
