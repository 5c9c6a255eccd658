// Which tables and variables of a message already have a number.

/// Numbers are given in the order in which things stand in the message.
package struct ValueSharing {
    /// A table, or a variable of functions, inside of an object that owns many.
    private struct Key: Hashable {
        let owner: ObjectIdentifier
        let index: UInt32
    }

    private final class Seen {
        var numbers: [Key: UInt64] = [:]
        var owners: [AnyObject] = []  // keeps their identities from being used again during the message
    }

    /// Made when there is something to remember: most messages have no numbers at all.
    private var seen: Seen?
    private var tables: UInt64 = 0
    private var variables: UInt64 = 0

    @usableFromInline init() {}

    /// Whether the message has no numbers yet.
    package var isEmpty: Bool { tables == 0 && variables == 0 }

    /// How many numbers were given.
    package var count: UInt64 { tables + variables }

    /// The number of something that was met before in this message.
    package func number(owner: AnyObject, index: UInt32) -> UInt64? {
        seen?.numbers[Key(owner: ObjectIdentifier(owner), index: index)]
    }

    /// Gives the next number to a table, function or object: that of its tag 28.
    package mutating func assignTable(owner: AnyObject, index: UInt32) {
        assign(tables, owner, index)
        tables += 1
    }

    /// Gives the next number to a variable that functions share.
    package mutating func assignVariable(owner: AnyObject, index: UInt32) {
        assign(variables, owner, index)
        variables += 1
    }

    private mutating func assign(_ number: UInt64, _ owner: AnyObject, _ index: UInt32) {
        let seen = seen ?? Seen()
        self.seen = seen
        seen.numbers[Key(owner: ObjectIdentifier(owner), index: index)] = number
        if seen.owners.last !== owner { seen.owners.append(owner) }
    }
}
