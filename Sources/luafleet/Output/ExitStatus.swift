// The exit status: 0 all succeeded, 1–100 that many failed, 101 more, 130 interrupted, 255 usage or setup (API.md).

enum ExitStatus {
    static let success: Int32 = 0
    static let interrupted: Int32 = 130
    static let usage: Int32 = 255

    static func ofRun(failures: Int, isInterrupted: Bool = false) -> Int32 {
        isInterrupted ? interrupted : Int32(min(max(failures, 0), 101))
    }
}
