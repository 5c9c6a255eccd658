// Shared tables, names, references and rings in the core, one situation at a time.
import LuaFleetWire
import Testing

@testable import LuaFleetCore

/// A core whose answers are looked at.
private struct Bench {
    var core = SharedCore()
    var lastRequest: SharedRequestID = 0
    var answers: [SharedRequestID: SharedAnswer] = [:]
    var discarded: [SharedID] = []
    var now: UInt64 = 1

    init(parties: [UInt64] = [11, 12, 13]) {
        core.partyBegan(.host, name: "the host")
        for party in parties { core.partyBegan(PartyID(party), name: "task \(party)") }
    }

    @discardableResult
    mutating func ask(
        _ operation: SharedOperation, _ object: SharedID, by party: UInt64 = 11, _ item: SharedItem = .empty,
        argument: Int64 = 0, timeout: Duration? = nil
    ) -> SharedRequestID {
        lastRequest += 1
        core.requested(
            SharedRequest(operation, object, timeout: timeout, argument: argument, item: item), lastRequest,
            by: PartyID(party), at: Moment(nanoseconds: now))
        collect()
        return lastRequest
    }

    mutating func collect() {
        var actions: [SharedAction] = []
        repeat {
            core.takeActions(into: &actions)
            for action in actions {
                switch action {
                case .reply(let id, let answer): answers[id] = answer
                case .allocate(let object, _, let id):
                    core.memoryAllocated(object, id, by: PartyID(11), failure: nil)
                case .discard(let object): discarded.append(object)
                case .makeLent, .lend, .publish, .endLent: Issue.record("nothing here is lent: \(action)")
                }
            }
        } while !actions.isEmpty
    }

    mutating func create(
        _ kind: SharedKind, name: String? = nil, by party: UInt64 = 11,
        _ parts: (inout ValueWriter) -> Void = { $0.null() }
    )
        -> SharedID
    {
        let item = SharedItem.values(2) { writer in
            if let name { writer.string(name) } else { writer.null() }
            parts(&writer)
        }
        let id = ask(.create, 0, by: party, item, argument: Int64(kind.rawValue))
        return answers[id]?.item.handles.first?.id ?? 0
    }

    mutating func end(_ party: UInt64, died: Bool = true) {
        core.partyEnded(PartyID(party), died: died, at: Moment(nanoseconds: now))
        collect()
    }

    mutating func give(_ object: SharedID, to party: UInt64) { core.retain(object, for: PartyID(party)) }
}

@Suite
struct SharedTableCoreTests {
    private func keyed(_ key: Int64, _ value: (inout ValueWriter) -> Void) -> SharedItem {
        .values(2) { writer in
            writer.integer(key)
            value(&writer)
        }
    }

    @Test func `a table behaves as a dictionary whatever is done to it`() throws {
        let seed = Dice.seed(of: "SharedTableCoreTests")
        var dice = Dice(seed: seed)
        var bench = Bench()
        let table = bench.create(.dictionary)
        var model: [Int64: Int64] = [:]
        for step in 1...20_000 {
            let key = Int64(dice.roll(-3..<12))
            if dice.once(in: 3) {
                bench.ask(.tableSet, table, keyed(key) { $0.null() })
                model[key] = nil
            } else if dice.once(in: 2) {
                bench.ask(.tableSet, table, keyed(key) { $0.integer(Int64(step)) })
                model[key] = Int64(step)
            } else {
                let id = bench.ask(.tableGet, table, .values { $0.integer(key) })
                let expected = SharedItem.values { writer in
                    if let value = model[key] { writer.integer(value) } else { writer.null() }
                }
                #expect(bench.answers[id]?.item.bytes == expected.bytes, "step \(step), seed \(seed)")
            }
            #expect(bench.core.tables[table]?.count == model.count, "step \(step), seed \(seed)")
            bench.answers = [:]
        }
    }

    @Test func `nested tables live as long as something refers to them, and cycles in what is assigned work`() {
        var bench = Bench()
        let table = bench.create(.dictionary)
        bench.ask(
            .tableSet, table,
            keyed(1) { writer in
                writer.array(count: 2)
                writer.array(count: 0)
                writer.integer(5)
            })
        #expect(bench.core.objectCount == 3)
        let nested = bench.ask(.tableGet, table, .values { $0.integer(1) })
        bench.ask(.tableSet, table, keyed(1) { $0.null() })
        #expect(bench.core.objectCount == 3, "the reader has a handle of it")
        let handle = bench.answers[nested]?.item.handles.first
        bench.ask(.forget, handle?.id ?? 0, argument: 1)
        #expect(bench.core.objectCount == 1)
        bench.end(11)
        #expect(bench.core.objectCount == 0)
    }

    @Test func `a name is one object of one kind, kept by its pool`() {
        var bench = Bench()
        let first = bench.create(.queue, name: "jobs") { $0.integer(3) }
        #expect(bench.create(.queue, name: "jobs", by: 12) { $0.integer(3) } == first)
        #expect(bench.create(.queue, name: "jobs", by: 12) == first)
        #expect(bench.create(.queue, name: "jobs", by: 12) { $0.integer(4) } == 0)
        #expect(bench.create(.lock, name: "jobs", by: 12) == 0)
        bench.end(11)
        bench.end(12)
        #expect(bench.core.objectCount == 0)
        #expect(bench.create(.lock, name: "jobs", by: 13) != 0)
    }

    @Test func `nobody uses an object whose handle he was not given`() {
        var bench = Bench()
        let queue = bench.create(.queue)
        let id = bench.ask(.size, queue, by: 12)
        #expect(bench.answers[id]?.status == .failed)
        let other = bench.create(.queue, by: 12)
        let stolen = bench.ask(
            .put, other, by: 12, .handles([SharedHandle(kind: SharedKind.queue.rawValue, id: queue)]))
        #expect(bench.answers[stolen]?.status == .failed)
        // Given in an item it is his.
        bench.give(other, to: 11)
        bench.ask(.put, other, by: 11, .handles([SharedHandle(kind: SharedKind.queue.rawValue, id: queue)]))
        bench.ask(.get, other, by: 12)
        let now = bench.ask(.size, queue, by: 12)
        #expect(bench.answers[now]?.status == .done)
    }

    @Test func `an object in a queue that nobody has any more goes with it, however long the chain`() {
        var bench = Bench()
        var last = bench.create(.queue)
        for _ in 1...5000 {
            let next = bench.create(.queue)
            bench.ask(.put, next, .handles([SharedHandle(kind: SharedKind.queue.rawValue, id: last)]))
            bench.ask(.forget, last, argument: 1)
            last = next
        }
        #expect(bench.core.objectCount == 5001)
        bench.ask(.forget, last, argument: 1)
        #expect(bench.core.objectCount == 0)
    }

    @Test func `mapped memory is discarded with its last handle`() {
        var bench = Bench()
        let memory = bench.create(.memory) { $0.integer(100) }
        bench.give(memory, to: 12)
        bench.end(11)
        #expect(bench.discarded.isEmpty)
        bench.end(12)
        #expect(bench.discarded == [memory])
    }

    @Test func `a ring of three is found by the one who would close it, and not where a wait ends by itself`() {
        for isTimed in [false, true] {
            var bench = Bench()
            let locks = [
                bench.create(.lock, name: "a"), bench.create(.lock, name: "b"), bench.create(.lock, name: "c"),
            ]
            for party in [12, 13] as [UInt64] { for lock in locks { bench.give(lock, to: party) } }
            for (place, party) in [11, 12, 13].enumerated() { bench.ask(.acquire, locks[place], by: UInt64(party)) }
            bench.ask(.acquire, locks[1], by: 11, timeout: isTimed ? .seconds(1) : nil)
            bench.ask(.acquire, locks[2], by: 12)
            let last = bench.ask(.acquire, locks[0], by: 13)
            #expect((bench.answers[last]?.status == .failed) == !isTimed)
            // The report helps only if somebody lets go.
            bench.end(13)
            bench.end(12)
            #expect(bench.answers[last]?.status != .done)
        }
    }

    @Test func `an update past its budget lets the next writer go on`() {
        var bench = Bench()
        let table = bench.create(.dictionary)
        bench.give(table, to: 12)
        bench.ask(.beginUpdate, table, .values { $0.integer(1) }, timeout: .nanoseconds(100))
        let waiting = bench.ask(.tableSet, table, by: 12, keyed(1) { $0.integer(7) })
        let reading = bench.ask(.tableGet, table, by: 12, .values { $0.integer(1) })
        #expect(bench.answers[waiting] == nil && bench.answers[reading] != nil)
        bench.now = 200
        bench.core.timePassed(at: Moment(nanoseconds: 200))
        bench.collect()
        #expect(bench.answers[waiting]?.status == .done)
        let late = bench.ask(.endUpdate, table, keyed(1) { $0.integer(8) })
        #expect(bench.answers[late]?.status == .failed)
        #expect(bench.core.nextMoment == nil)
    }
}
