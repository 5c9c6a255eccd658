// Does what an invocation asks for, and turns every way it can end into an exit status.

enum CommandLineTool {
    static func status(ofRunning arguments: [Bytes]) async -> Int32 {
        do throws(UsageError) {
            return try await perform(try Invocation(arguments))
        } catch {
            StandardStream.error.writeLine("luafleet: \(error.message)")
            return ExitStatus.usage
        }
    }

    private static func perform(_ invocation: Invocation) async throws(UsageError) -> Int32 {
        switch invocation {
        case .text(let text):
            StandardStream.output.writeLine(text)
            return ExitStatus.success
        case .doctor:
            let report = DoctorReport.examine()
            StandardStream.output.write(Bytes(report.text.utf8))
            return report.isHealthy ? ExitStatus.success : ExitStatus.usage
        case .run(let request):
            return try await request.perform()
        case .demo(.isolation):
            return try await IsolationDemo().perform()
        case .bench(let request):
            do {
                try await request.perform()
            } catch {
                throw UsageError("bench: \(error)")
            }
            return ExitStatus.success
        }
    }
}
