internal import Foundation

/// Times for programs: RFC 3339, in UTC, with milliseconds.
enum RFC3339 {
  static func text(_ date: Date) -> String { date.formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true)) }
}

/// Times for people.
extension Moment {
  static var now: Moment { Moment(Date()) }

  init(_ date: Date) {
    self.init(
      milliseconds: UInt64(max(0, date.timeIntervalSince1970 * 1000)),
      utcOffset: TimeZone.current.secondsFromGMT(for: date))
  }
}
