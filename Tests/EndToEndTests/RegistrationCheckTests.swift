import Foundation
import Testing

/// `make registration-check`, with the programs that are built. [token.12] [leakage.9]
@Suite(.enabled(if: FleetScript.isRunnable && OIDCProviderMock.python != nil), .serialized)
struct RegistrationCheckTests {
  @Test func `People sign in, register blind, are woken, and nothing forged buys anything`() async throws {
    let script = URL(filePath: #filePath).deletingLastPathComponent()
      .appending(path: "../../Benchmarks/registration_check.py").standardized
    let python = try #require(OIDCProviderMock.python)
    let outcome = try await run(
      python, [script.path, Programs.folder.path, FleetScript.path],
      environment: ["PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"], killedAfter: 900)
    let line = try #require(outcome.lines.last, "\(outcome)")
    let counts = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Int], "\(outcome)")
    #expect(outcome.status == 0, "\(outcome)")
    #expect(counts["registered"] == 2 && counts["wakeups"] == 1 && counts["received"] == 1, "\(counts)")
    // 17 kinds at two relays, and a genuine one for the second time.
    #expect(counts["refused"] == 35 && counts["taken"] == 0 && counts["identifiers_leaked"] == 0, "\(outcome)")
  }
}
