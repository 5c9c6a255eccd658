// Memory that the host lends: whoever dies between whatever steps, locks have one owner and items come out once, in order.
import CFleetSystem
import Foundation
import LuaFleetCore
import LuaFleetWire
import Testing

@testable import LuaFleet

@Suite struct LentMemoryTests {
    @Test(arguments: [1, 3, 100])
    func `50,000 random steps and deaths: a lock has one owner, and items come out once and in order`(capacity: Int) {
        let seed =
            ProcessInfo.processInfo.environment["LUAFLEET_TEST_SEED"].flatMap(UInt64.init) ?? .random(in: 0...999_999)
        print("LentMemoryTests: LUAFLEET_TEST_SEED=\(seed)")
        var dice = SeededDice(seed: seed)
        let world = LentWorld(capacity: capacity)
        var untold = 0
        for step in 1...50_000 {
            while world.taskers.count < 4 { world.begin() }
            let tasker = world.taskers.randomElement(using: &dice)!  // four
            let isStuck = world.taskers.allSatisfy { $0.waits }
            let act = Int.random(in: 0..<100, using: &dice)
            if act < (tasker.hasToTell ? 10 : 1) || isStuck {
                if tasker.hasToTell { untold += 1 }
                world.die(tasker)
            } else if tasker.waits {
                continue
            } else if tasker.hasToTell {
                if act < 50 { world.tell(tasker) }
            } else if tasker.claim != nil {
                // Between its two steps others act, or it dies.
                if act < 50 { world.publish(tasker) }
            } else {
                switch act {
                case 1..<5: world.end(tasker)
                case 5..<25: world.acquire(tasker)
                case 25..<45: world.release(tasker)
                case 45..<70: world.claim(tasker)
                case 70..<96: world.get(tasker)
                case 96..<98: world.hostCounts()
                default: world.hostGets()
                }
            }
            guard !Task.isCancelled else { return }
            if step % 10_000 == 0 { world.hostCounts() }
        }
        // Whoever died between letting go and telling had finished: who was next was told nothing else.
        #expect(untold > 0, "seed \(seed)")
        // Most of it was done without the host: that is what it is for.
        #expect(world.lentSteps > 500, "seed \(seed)")
        for tasker in world.taskers { world.die(tasker) }
        while !world.items.isEmpty { world.hostGets() }
        world.hostCounts()
    }

    @Test func `who scribbles over what is lent harms neither host nor those who have not got it`() {
        var dice = SeededDice(seed: 7)
        for _ in 0..<2000 {
            let world = LentWorld(capacity: 5)
            world.begin()
            world.begin()
            let (good, bad) = (world.taskers[0], world.taskers[1])
            for mapping in bad.mappings {
                for _ in 0..<Int.random(in: 1...20, using: &dice) {
                    let place = Int.random(in: 0..<mapping.byteCount / 8, using: &dice) * 8
                    let word: UInt64 = [
                        .random(in: 0 ... .max, using: &dice), good.token, bad.token, good.token | 1 << 63, 1 << 62,
                        .max, 0, 2 << 62 | good.token, 1 << 62 | 3, good.token + 1,
                    ].randomElement(using: &dice)!  // ten
                    mapping.start.storeBytes(of: word, toByteOffset: place, as: UInt64.self)
                }
            }
            // Whatever the answers are: they come, and end with the tasks.
            for operation in [SharedOperation.acquire, .release, .value] {
                _ = world.hub.now(SharedRequest(operation, world.lock, timeout: .zero), by: good.party)
            }
            for operation in [SharedOperation.put, .get, .size, .get] {
                let request = SharedRequest(operation, world.queue, timeout: .zero, item: LentWorld.item(1))
                _ = world.hub.now(request, by: good.party)
            }
            for tasker in [bad, good] {
                world.hub.end(tasker.party, died: true)
                world.hub.end(tasker.process, died: true)
            }
            #expect(
                world.hub.now(SharedRequest(.acquire, world.lock, timeout: .zero), by: PartyID(1 << 63)).status
                    != .timedOut)
            for object in [world.lock, world.queue] { world.hub.release(object) }
            #expect(world.hub.objectCount == 0)
        }
    }
}

/// SplitMix64.
struct SeededDice: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
