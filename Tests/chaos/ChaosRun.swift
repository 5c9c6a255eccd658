// The runs of the chaos plan: names, what they do, how large they are.

struct ChaosRun: Sendable {
    var name: String
    var what: String
    /// With the tests.
    var short: Int
    var full: Int
    var needsFaults = false
    var run: @Sendable (Arena) async throws -> Void

    static let all = [c1, c2, c3, c4, c5, c6, c7, c8, c9, c10, c11, c13]
}
