// Does what an invocation asks for, and turns every way it can end into an exit status.
import Glibc

enum CommandLineTool {
    /// Ends the program when it is done; what takes time goes on behind.
    static func begin(_ arguments: [Bytes]) {
        do throws(UsageError) {
            switch try Invocation(arguments) {
            case .text(let text):
                StandardStream.output.writeLine(text)
                end(ExitStatus.success)
            case let invocation:
                ProgramSignals.block()
                Task.detached { end(await status(of: invocation)) }
            }
        } catch {
            end(reporting(error))
        }
    }

    private static func status(of invocation: Invocation) async -> Int32 {
        do throws(UsageError) {
            switch invocation {
            case .run(let request): return try await request.perform()
            case .demo(.isolation): return try await IsolationDemo().perform()
            case .demo(.containment): return try await ContainmentDemo().perform()
            case .demo(.speedup): return try await SpeedupDemo().perform()
            case .bench(let request): return try await request.perform()
            case .doctor:
                let report = await DoctorReport.examine()
                StandardStream.output.write(Bytes(report.text.utf8))
                return report.isHealthy ? ExitStatus.success : ExitStatus.usage
            case .text: return ExitStatus.success  // done in `begin`
            }
        } catch {
            return reporting(error)
        }
    }

    private static func reporting(_ error: UsageError) -> Int32 {
        StandardStream.error.writeLine("luafleet: \(error.message)")
        return ExitStatus.usage
    }

    /// Everything has been written: we buffer nothing, and the clean-up of libraries that `exit` runs costs time and races with their threads.
    private static func end(_ status: Int32) {
        _exit(status)
    }
}
