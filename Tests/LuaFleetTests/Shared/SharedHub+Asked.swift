// The hub, asked what it answers at once.
import LuaFleetCore

@testable import LuaFleet

extension SharedHub {
    /// The answer to a request that is answered at once.
    func now(_ request: SharedRequest, by party: PartyID) -> SharedAnswer { asked(request, by: party).answer }

    func asked(_ request: SharedRequest, by party: PartyID) -> (answer: SharedAnswer, mapping: SharedMapping?) {
        final class Found: @unchecked Sendable {  // one thread
            var answer = SharedAnswer.timedOut
            var mapping: SharedMapping?
        }
        let found = Found()
        self.request(request, by: party) { answer, mapping in
            found.answer = answer
            found.mapping = mapping
        }
        return (found.answer, found.mapping)
    }
}
