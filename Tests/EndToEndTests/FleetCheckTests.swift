import Foundation
import Testing

/// `make fleet-check` in small.
@Suite(.enabled(if: FleetScript.isRunnable), .serialized) struct FleetCheckTests {
  private func counts(_ arguments: String...) async throws -> (status: Int32, counts: [String: Int]) {
    let outcome = try await run(
      Programs.path("benchmarks"), ["fleet-check", "--short", "--script", FleetScript.path] + arguments,
      killedAfter: 900)
    let line = try #require(outcome.lines.last, "\(outcome)")
    let object = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Int], "\(outcome)")
    return (outcome.status, object)
  }

  // [operation.14] Two faults are planted besides the real ones, and nothing else is found.
  @Test func `Whatever part goes away, only what was planted is lost or shown twice`() async throws {
    let (status, counts) = try await counts("--each", "60", "--plant")
    #expect(status == 1 && counts["lost"] == 1 && counts["twice"] == 1, "\(counts)")
    #expect(counts["faults"] == 4 && counts["acknowledged", default: 0] > 400, "\(counts)")
    let wakeups = ["wakeups_local", "wakeups_bus", "wakeups_sweep"].map { counts[$0, default: -1] }
    #expect(wakeups.allSatisfy { $0 >= 0 } && wakeups[0] > 0 && wakeups[1] > 0, "\(counts)")
  }
}
