import Foundation
import Testing

/// `make client-check` in small: what it counts of honest programs, and that it counts each fault.
@Suite struct ClientCheckTests {
  private func counts(_ arguments: String...) async throws -> (status: Int32, counts: [String: Int]) {
    let folder = try TemporaryFolder()
    let outcome = try await run(
      Programs.path("benchmarks"), ["client-check", "--folder", folder.path] + arguments, killedAfter: 900)
    let line = try #require(outcome.lines.last, "\(outcome)")
    let object = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Int], "\(outcome)")
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
    return (outcome.status, object)
  }

  // [client.1] [client.8]
  @Test func `Whatever is killed, nothing is lost, shown twice, sealed twice or unreadable`() async throws {
    let (status, counts) = try await counts("--cycles", "5")
    #expect(status == 0, "\(counts)")
    #expect(counts["scenarios"] == 5 && counts["killed", default: 0] >= 5, "\(counts)")
    for fault in ["lost", "twice", "reused_keys", "unable_to_decrypt"] { #expect(counts[fault] == 0, "\(counts)") }
  }

  @Test(arguments: [
    ("lost", "lost"), ("twice", "twice"), ("reused", "reused_keys"), ("unreadable", "unable_to_decrypt"),
  ])
  func `A fault that is planted is counted`(_ fault: String, _ counter: String) async throws {
    let (status, counts) = try await counts("--cycles", "1", "--plant", fault)
    #expect(status == 1 && counts[counter] == 1, "\(counts)")
  }
}
