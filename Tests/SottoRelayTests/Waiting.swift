import Foundation
import Testing

/// Waits for something that has to become true; fails after a while.
func until(
  within seconds: Int = 180, _ isTrue: () async throws -> Bool, _ location: SourceLocation = #_sourceLocation
) async throws {
  let end = ContinuousClock.now + .seconds(seconds)
  repeat {
    if try await isTrue() { return }
    try await Task.sleep(for: .milliseconds(5))
  } while .now < end
  Issue.record("it did not become true in \(seconds) s", sourceLocation: location)
}

/// That something takes no longer than `limit`. What a busy machine delays, it does not delay every time.
func soon(
  _ limit: Duration, _ body: () async throws -> Void, _ location: SourceLocation = #_sourceLocation
) async throws {
  try await until(
    {
      let start = ContinuousClock.now
      try await body()
      return .now - start < limit
    }, location)
}

/// Returns at once, but for the last minutes of a day in UTC, when it returns in the next: for what counts days by the clock
/// of a database.
func awayFromMidnight() async throws {
  let left = 86_400 - Int(Date.now.timeIntervalSince1970) % 86_400
  if left < 300 { try await Task.sleep(for: .seconds(left + 1)) }
}
