// F26: the word by which host, fork server and worker agree on the one task that is interrupted.
import LuaFleetWire
import Synchronization
import Testing

@Suite final class InterruptWordTests {
    private let memory = UnsafeMutableRawPointer.allocate(byteCount: WorkerPage.size, alignment: 4096)
    private var page: WorkerPage { WorkerPage(start: memory) }

    init() {
        memory.initializeMemory(as: UInt8.self, repeating: 0xAA, count: WorkerPage.size)
        page.initialize()
    }

    deinit { memory.deallocate() }

    @Test func `F26: the signal of an interrupt is sent once, and never for what was withdrawn`() {
        var sent = 0
        page.sendInterrupt { sent += 1 }
        #expect(sent == 0 && page.interrupt == nil)
        page.askForInterrupt(of: 7, .deadline)
        page.sendInterrupt {
            sent += 1
            #expect(page.interrupt == .init(task: 7, stage: .sending, reason: .deadline))
        }
        page.sendInterrupt { sent += 1 }
        #expect(sent == 1 && page.interrupt == .init(task: 7, stage: .sent, reason: .deadline))
        page.askForInterrupt(of: 8, .cancelled)
        let withdrawn = WorkerPage.Interrupt(task: 8, stage: .withdrawn, reason: .cancelled)
        page.interruptWord.pointee.store(withdrawn.word, ordering: .relaxed)
        page.sendInterrupt { sent += 1 }
        #expect(sent == 1 && page.interrupt == withdrawn)
        // What was asked while the signal was sent stands.
        page.askForInterrupt(of: 9, .cancelled)
        page.sendInterrupt { page.askForInterrupt(of: 10, .cancelled) }
        #expect(page.interrupt == .init(task: 10, stage: .asked, reason: .cancelled))
    }

    @Test func `F26: the word of an interrupt stands behind the header, and can hold anything`() {
        #expect(MemoryLayout<WorkerPage.Header>.size <= WorkerPage.interruptOffset)
        #expect(WorkerPage.interruptOffset + 8 <= WorkerPage.headerSize)
        let nonsense: [UInt64] = [1 << 32, 5 << 32 | 1 << 40, 1 << 32 | 9 << 40, .max]
        for word in nonsense {
            page.interruptWord.pointee.store(word, ordering: .relaxed)
            #expect(page.interrupt == nil)
            page.sendInterrupt { Issue.record("sent for \(word)") }
        }
    }
}
