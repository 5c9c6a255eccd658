// The host's end of the workers' pages: enough of them, each its own, and none that can be taken away.
import Glibc
import LuaFleetWire
import Testing

@testable import LuaFleet

@Suite
struct WorkerPagesTests {
    @Test func `F13: every slot has a page of its own, which stays where it is while the file grows`() throws {
        let pages = try WorkerPages()
        let slots = [0, 1, 63, 64, 200, 65]
        for slot in slots {
            let page = try #require(pages.page(slot))
            page.initialize()
            #expect(page.begin(UInt32(slot) + 1, epoch: 0))
            (page.start + WorkerPage.size - 1).storeBytes(of: UInt8(slot), as: UInt8.self)
        }
        for slot in slots {
            let page = try #require(pages.page(slot))
            #expect(page.control == .init(epoch: 0, started: UInt32(slot) + 1))
            #expect((page.start + WorkerPage.size - 1).load(as: UInt8.self) == UInt8(slot))
            // Where the fork server looks for it.
            var word: UInt64 = 0
            #expect(pread(pages.fd, &word, 8, off_t(slot * WorkerPage.size)) == 8 && word == UInt64(slot) + 1)
        }
    }

    @Test func `F13: nobody who has the file can make the host fault`() throws {
        let pages = try WorkerPages()
        #expect(pages.page(3) != nil)
        #expect(ftruncate(pages.fd, 0) == -1 && errno == EPERM)
    }
}
