// A point in time as a plain value. The core never asks for the time: whoever brings an event brings the moment of it.

/// Nanoseconds of the monotonic clock (clock_gettime(2), CLOCK_MONOTONIC).
package struct Moment: Comparable, Hashable, Sendable {
    package var nanoseconds: UInt64

    package init(nanoseconds: UInt64) {
        self.nanoseconds = nanoseconds
    }

    package static func < (left: Moment, right: Moment) -> Bool {
        left.nanoseconds < right.nanoseconds
    }

    /// Later by `duration`; the end of time where it does not fit, now where it is negative.
    package static func + (moment: Moment, duration: Duration) -> Moment {
        let (sum, overflow) = moment.nanoseconds.addingReportingOverflow(duration.clampedNanoseconds)
        return Moment(nanoseconds: overflow ? .max : sum)
    }
}

extension Duration {
    /// Whole nanoseconds, none if negative.
    package var clampedNanoseconds: UInt64 {
        guard components.seconds >= 0, components.attoseconds >= 0 else { return 0 }
        let (product, overflow) = UInt64(components.seconds).multipliedReportingOverflow(by: 1_000_000_000)
        let (sum, overflow2) = product.addingReportingOverflow(UInt64(components.attoseconds / 1_000_000_000))
        return overflow || overflow2 ? .max : sum
    }
}
