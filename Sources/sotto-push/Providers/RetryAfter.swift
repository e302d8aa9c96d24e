package import Foundation

/// When a push service wants to be asked again (RFC 9110 section 10.2.3).
package enum RetryAfter {
  /// Seconds, as many as a gateway waits at most; nil for what is neither a number nor a date.
  package static func seconds(_ text: String, now: Date) -> Int? {
    let longest = PushLimits.longestWait
    if !text.isEmpty, text.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) {
      // What has more digits than a number is long too.
      return min(Int(text) ?? longest, longest)
    }
    let formatter = DateFormatter()
    formatter.locale = Locale(identifier: "en_US_POSIX")
    formatter.timeZone = TimeZone(secondsFromGMT: 0)
    formatter.dateFormat = "EEE, dd MMM yyyy HH:mm:ss 'GMT'"
    return formatter.date(from: text).map { Int(min(max($0.timeIntervalSince(now), 0), Double(longest))) }
  }
}
