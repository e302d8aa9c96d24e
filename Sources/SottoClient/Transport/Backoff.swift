/// Waits between attempts: drawn at random below a bound that doubles, so that clients do not come back in step.
enum Backoff {
  static func pause(attempt: Int, base: Duration, limit: Duration = .seconds(60)) async throws {
    let bound = min(base * (1 << min(attempt, 16)), limit)
    try await Task.sleep(for: bound * Double.random(in: 0...1))
  }
}
