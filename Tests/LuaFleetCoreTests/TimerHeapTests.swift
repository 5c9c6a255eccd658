// The timer heap against a dictionary that is searched from end to end.
import LuaFleetCore
import Testing

@Suite
struct TimerHeapTests {
    @Test func `a heap agrees with a naive table after every one of 20,000 random operations`() {
        let seed = Dice.seed(of: "TimerHeap")
        var dice = Dice(seed: seed)
        var heap = TimerHeap()
        var model: [UInt32: UInt64] = [:]
        for step in 0..<20_000 {
            // The number of keys breathes, so that both a crowded and an empty heap are met.
            let keys = step / 2000 % 2 == 0 ? 40 : 400
            let key = UInt32(dice.roll(0..<keys))
            switch dice.roll(0..<10) {
            case 0..<5:
                let due = UInt64(dice.roll(0..<50))  // few moments: many are equal
                heap.set(key, due: Moment(nanoseconds: due))
                model[key] = due
            case 5..<8:
                heap.remove(key)
                model[key] = nil
            default:
                guard let (due, key) = heap.earliest else { break }
                #expect(model[key] == due.nanoseconds, "seed \(seed), step \(step)")
                heap.remove(key)
                model[key] = nil
            }
            let key2 = UInt32(dice.roll(0..<keys))
            guard heap.count == model.count, heap.earliest?.due.nanoseconds == model.values.min(),
                heap.due(of: key2)?.nanoseconds == model[key2]
            else {
                Issue.record("heap and table differ: seed \(seed), step \(step)")
                return
            }
        }
        // What is left comes out in order, each key once.
        var last: UInt64 = 0
        while let (due, key) = heap.earliest {
            #expect(due.nanoseconds >= last && model[key] == due.nanoseconds, "seed \(seed)")
            last = due.nanoseconds
            heap.remove(key)
            model[key] = nil
        }
        #expect(model.isEmpty, "seed \(seed)")
    }

    @Test func `a key that was never set is absent, and removing it changes nothing`() {
        var heap = TimerHeap()
        heap.remove(7)
        #expect(heap.due(of: 7) == nil && heap.earliest == nil)
        heap.set(3, due: Moment(nanoseconds: 5))
        heap.remove(7)
        heap.remove(2)
        #expect(heap.count == 1 && heap.due(of: 3) == Moment(nanoseconds: 5))
    }
}

struct MomentTests {
    @Test func `a moment plus a duration never wraps and never goes back`() {
        let now = Moment(nanoseconds: 1000)
        #expect(now + .seconds(-5) == now)
        #expect(now + .nanoseconds(7) == Moment(nanoseconds: 1007))
        #expect(now + .seconds(Int64.max) == Moment(nanoseconds: .max))
        #expect(Moment(nanoseconds: .max) + .nanoseconds(1) == Moment(nanoseconds: .max))
        #expect(now + .milliseconds(1500) == Moment(nanoseconds: 1_500_001_000))
    }
}
