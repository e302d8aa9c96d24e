internal import Foundation

/// Times for programs: RFC 3339, in UTC, with milliseconds.
enum RFC3339 {
  static func text(_ date: Date) -> String { date.formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true)) }
}

/// Times for people who look at a list: how long ago.
enum RelativeTime {
  static func text(_ date: Date, now: Date = Date()) -> String {
    let seconds = Int(now.timeIntervalSince(date))
    switch seconds {
    case ..<60: return "now"
    case ..<3600: return "\(seconds / 60) min"
    case ..<86_400: return "\(seconds / 3600) h"
    case ..<(14 * 86_400): return "\(seconds / 86_400) d"
    default: return date.formatted(Date.ISO8601FormatStyle().year().month().day())
    }
  }
}
