// Counts of numbers by their size, against the numbers themselves.
import LuaFleetCore
import Testing

@Suite
struct HistogramTests {
    @Test func `percentiles are right to 6.25 %, over all magnitudes`() {
        var dice = Dice(seed: Dice.seed(of: "Histogram"))
        var histogram = Histogram()
        var values: [UInt64] = []
        for _ in 0..<20_000 {
            let value = UInt64.random(in: 0...(1 << UInt64(dice.roll(1..<40))), using: &dice)
            values.append(value)
            histogram.add(value)
        }
        values.sort()
        for share in [0.0, 0.01, 0.5, 0.9, 0.99, 0.999, 1] {
            let exact = Double(values[max(0, Int((share * 20_000).rounded(.up)) - 1)])
            let found = Double(histogram.percentile(share))
            #expect(abs(found - exact) <= exact * 0.0625 + 0.5, "\(share): \(found) for \(exact)")
        }
        #expect(histogram.count == 20_000 && histogram.largest == values.last)
        #expect(histogram.sum == values.reduce(0, +))
        #expect(histogram.mean == Double(histogram.sum) / 20_000)
    }

    @Test func `nothing, one value, many at once, the largest of all and strange shares`() {
        var histogram = Histogram()
        #expect(histogram.percentile(0.5) == 0 && histogram.mean == 0)
        histogram.add(7, times: 1000)
        for share in [-1, 0, 0.5, 1, 2, Double.infinity, -Double.infinity, Double.nan] {
            #expect(histogram.percentile(share) == 7)
        }
        histogram.add(.max)
        #expect(histogram.percentile(1) >= .max / 16 * 15 && histogram.percentile(0.9) == 7)
    }
}
