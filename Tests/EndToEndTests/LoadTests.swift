import Foundation
import Testing

/// The load generator and the crash check, in small: that they measure and count what they say.
@Suite struct LoadTests {
  private static let benchmarks = Programs.path("benchmarks")
  private static let relay = Programs.path("sotto-relay")

  /// The counts that the crash check prints last.
  private struct Counts: Decodable, Equatable {
    let cycles: Int
    let acknowledged: Int
    let lost: Int
    let twice: Int

    init(_ outcome: Outcome) throws {
      self = try JSONDecoder().decode(Counts.self, from: Data(try #require(outcome.lines.last).utf8))
    }
  }

  /// `kill -9` of a real relay under load: what was acknowledged is there, once. [send.3]
  @Test func `What a killed relay acknowledged is shown once`() async throws {
    let folder = try TemporaryFolder()
    let outcome = try await run(
      Self.benchmarks, ["crash-check", "--cycles", "5", "--folder", folder.path], killedAfter: 900)
    let counts = try Counts(outcome)
    #expect(outcome.status == 0, "\(outcome)")
    #expect(counts.cycles == 5 && counts.acknowledged >= 5_000 && counts.lost == 0 && counts.twice == 0)
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
  }

  @Test func `The crash check counts a dropped acknowledgement and a doubled delivery`() async throws {
    let folder = try TemporaryFolder()
    let outcome = try await run(
      Self.benchmarks, ["crash-check", "--cycles", "1", "--each", "200", "--plant", "--folder", folder.path],
      killedAfter: 900)
    let counts = try Counts(outcome)
    #expect(outcome.status == 1)
    #expect(counts.lost == 1 && counts.twice == 1 && counts.acknowledged >= 200)
  }

  @Test func `Every phase of a load answers with its figures`() async throws {
    let folder = try TemporaryFolder()
    let outcome = try await run(
      Self.relay,
      ["bench", "--json", "--mailboxes", "100", "--each", "10", "--idle", "20", "--folder", folder.path],
      killedAfter: 900)
    #expect(outcome.status == 0, "\(outcome)")
    let rows = outcome.objects
    #expect(
      rows.map { $0["phase"] as? String } == ["accept", "accept", "put", "deliver", "latency", "idle", "idle_tls"])
    #expect(rows.prefix(3).map { $0["in_flight"] as? Int } == [1, 16, 1])
    for row in rows { #expect((row["per_second"] as? Double ?? 0) > 0) }
    #expect(rows[4]["p50_us"] is Double && rows[4]["p99_us"] is Double)
    #if os(Linux)
      for row in rows { #expect(row["relay_cpu_us"] is Double) }
      for row in rows.suffix(2) { #expect(row["rss_per_connection"] is Double) }
    #endif
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
  }

  @Test func `A relay that runs is loaded, and left as it was`() async throws {
    let folder = try TemporaryFolder()
    let relay = try await RelayProcess(data: folder.file("relay"))
    let outcome = try await run(
      Self.relay,
      [
        "bench", "--url", relay.url, "--pid", "\(relay.pid)", "--phase", "accept", "--phase", "deliver", "--mailboxes",
        "50", "--each", "5",
      ], killedAfter: 600)
    #expect(outcome.status == 0, "\(outcome)")
    #expect(outcome.lines.count == 4 && outcome.lines[1].hasPrefix("accept") && outcome.lines[3].hasPrefix("deliver"))
    #expect(relay.stop() == 0)
    let rows = try await run(
      URL(filePath: "/usr/bin/env"), ["sqlite3", relay.database, "SELECT count(*) FROM mailbox"])
    #expect(rows.status == 127 || rows.output == "0\n")
  }

  /// A certificate is for a name; who does not ask for it is shown another, or is not sure of this one.
  @Test func `A relay is loaded over TLS by its name`() async throws {
    let folder = try TemporaryFolder()
    let made = try await run(
      Self.relay, ["config", "self-signed", "--host", "localhost", "--out", folder.file("tls")])
    try #require(made.status == 0, "\(made)")
    let relay = try await RelayProcess(
      data: folder.file("relay"),
      arguments: ["--tls-certificate", folder.file("tls/certificate.pem"), "--tls-key", folder.file("tls/key.pem")])
    let outcome = try await run(
      Self.relay,
      [
        "bench", "--url", "https://localhost:\(relay.port)", "--ca-file", folder.file("tls/authority.pem"), "--phase",
        "put", "--mailboxes", "5", "--each", "2",
      ], killedAfter: 600)
    #expect(outcome.status == 0, "\(outcome)")
  }

  private static let bad: [String: Int32] = [
    "--mailboxes 0": 64, "--each -1": 64, "--idle x": 64, "--phase all": 64, "--url ftp://127.0.0.1:1": 64,
    "--url http://127.0.0.1:1": 69, "--url https://127.0.0.1:1 --ca-file /nonexistent": 66,
    "--url https://127.0.0.1:1 --phase idle_tls": 64, "--folder /proc/nowhere": 73,
  ]

  @Test(arguments: bad)
  func `A load that cannot be put says so`(flags: String, status: Int32) async throws {
    let flags = flags.split(separator: " ").map(String.init)
    let outcome = try await run(Self.relay, ["bench", "--json"] + flags)
    #expect(outcome.status == status && outcome.output.isEmpty, "\(outcome)")
    #expect(!outcome.stderr.isEmpty)
  }
}
