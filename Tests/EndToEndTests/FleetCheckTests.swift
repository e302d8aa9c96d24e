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
    let keys = ["acknowledged", "lost", "twice", "faults", "wakeups_local", "wakeups_bus", "wakeups_sweep"]
    #expect(Set(counts.keys) == Set(keys), "\(counts)")
    #expect(counts["wakeups_local", default: 0] > 0 && counts["wakeups_bus", default: 0] > 0, "\(counts)")
    // None may be by a look: while RabbitMQ is away, the next request at an owner's own relay can be sooner than that.
    #expect(counts["wakeups_sweep", default: -1] >= 0, "\(counts)")
  }
}
