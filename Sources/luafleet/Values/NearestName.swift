// "Did you mean …": the known name that is fewest typing errors away.

/// Nil where none is near: more than a third of the letters wrong.
func nearestName(to name: String, in known: [String]) -> String? {
    let ranked = known.map { (name: $0, distance: typingErrors(from: name, to: $0)) }
    guard let best = ranked.min(by: { $0.distance < $1.distance }) else { return nil }
    return best.distance <= max(1, best.name.count / 3) ? best.name : nil
}

/// Letters put in, left out, exchanged or swapped with their neighbour (Damerau and Levenshtein, optimal string alignment).
func typingErrors(from left: String, to right: String) -> Int {
    let (a, b) = (Array(left), Array(right))
    var older = [Int](), old = [Int](), new = Array(0...b.count)
    for i in a.indices {
        (older, old, new) = (old, new, [i + 1])
        for j in b.indices {
            var cost = min(old[j + 1] + 1, new[j] + 1, old[j] + (a[i] == b[j] ? 0 : 1))
            if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { cost = min(cost, older[j - 1] + 1) }
            new.append(cost)
        }
    }
    return new[b.count]
}
