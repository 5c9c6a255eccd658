// Where in a value the encoder or decoder is: what errors name.

/// A coding path as a chain from the inside out; made into an array only when somebody asks.
final class WirePath: Sendable {
    private let parent: WirePath?
    private let key: WireKey

    init(_ parent: WirePath?, _ key: WireKey) {
        self.parent = parent
        self.key = key
    }

    convenience init(_ parent: WirePath?, _ key: some CodingKey) {
        self.init(parent, WireKey(string: key.stringValue, integer: key.intValue))
    }

    static func keys(_ path: WirePath?) -> [any CodingKey] {
        var keys: [any CodingKey] = []
        var path = path
        while let step = path {
            keys.append(step.key)
            path = step.parent
        }
        return keys.reversed()
    }
}

/// A key of a path: of a keyed container, or a position from 0.
struct WireKey: CodingKey, Hashable, Sendable {
    let stringValue: String
    let intValue: Int?

    init(string: String, integer: Int?) {
        stringValue = string
        intValue = integer
    }

    init(stringValue: String) {
        self.init(string: stringValue, integer: nil)
    }

    init(intValue: Int) {
        self.init(string: "\(intValue)", integer: intValue)
    }

    static let `super` = WireKey(stringValue: "super")
}
