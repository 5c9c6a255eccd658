// Where in a value the encoder or decoder is: what errors name.

/// A coding path as a chain from the inside out; made into an array only when somebody asks. The root is nil.
///
/// Not thread-safe: within one call of the encoder or decoder.
final class WirePath {
    private let parent: WirePath?
    /// nil: a position.
    private let key: (any CodingKey)?
    private var position: Int

    init(_ parent: WirePath?, _ key: any CodingKey) {
        self.parent = parent
        self.key = key
        position = 0
    }

    init(_ parent: WirePath?, position: Int) {
        self.parent = parent
        key = nil
        self.position = position
    }

    static func keys(_ path: WirePath?) -> [any CodingKey] {
        var keys: [any CodingKey] = []
        var path = path
        while let step = path {
            keys.append(step.key ?? WireKey(intValue: step.position))
            path = step.parent
        }
        return keys.reversed()
    }

    /// Makes `path` the path of the element at `position` of `parent`. Uses the object again unless somebody keeps it.
    @inline(__always) static func move(_ path: inout WirePath?, to position: Int, of parent: WirePath?) {
        if path != nil, isKnownUniquelyReferenced(&path) {
            path?.position = position
        } else {
            path = WirePath(parent, position: position)
        }
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

    /// For the path of a dictionary's entry.
    init(describing key: Any) {
        switch key {
        case let key as String: self.init(stringValue: key)
        case let key as Int: self.init(intValue: key)
        default: self.init(stringValue: "\(key)")
        }
    }

    static let `super` = WireKey(stringValue: "super")
}
