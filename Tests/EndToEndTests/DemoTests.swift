import Foundation
import Testing

/// `sotto demo` as a person sees it: the transcript is golden text, with what differs from run to run masked.
@Suite struct DemoTests {
  @Test func `The demo shows the conversation and what the relay saw`() async throws {
    let folder = try TemporaryFolder()
    let outcome = try await run(
      Programs.path("sotto"), ["demo", "--report", folder.file("report.json")], killedAfter: 600)
    #expect(outcome.status == 0, "\(outcome)")
    #expect(outcome.output.split(separator: "\n", omittingEmptySubsequences: false).count <= 41)
    let golden = try String(
      contentsOf: URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Golden/demo.txt"),
      encoding: .utf8)
    #expect(Self.masked(outcome.output) == golden)

    let report = try JSONSerialization.jsonObject(with: Data(contentsOf: URL(filePath: folder.file("report.json"))))
    let facts = try #require(report as? [String: Any])
    #expect(facts["messages"] as? Int == 6 && facts["found"] as? Int == 0)
    #expect(try #require(facts["controlFound"] as? Int) > 0)
    #expect(facts["envelopeSizes"] as? [Int] == [8192, 8192, 512, 512, 512, 512])
    let number = try #require(facts["safetyNumber"] as? String)
    #expect(number.count == 60 && outcome.output.filter(\.isNumber).contains(number))
  }

  @Test func `Without a relay beside it the demo says what is missing`() async throws {
    let folder = try TemporaryFolder()
    let alone = URL(filePath: folder.file("sotto"))
    try FileManager.default.copyItem(at: Programs.path("sotto"), to: alone)
    let outcome = try await run(alone, ["demo"])
    #expect(outcome.status == 66)
    #expect(outcome.stderr.contains("There is no sotto-relay beside this program."))
  }

  private static func masked(_ transcript: String) -> String {
    transcript
      .replacing(/sotto:[a-z2-7]{88}@/, with: "sotto:ADDRESS@")
      .replacing(/127\.0\.0\.1:\d+/, with: "127.0.0.1:PORT")
      .replacing(/(\d{5} ){11}\d{5}/, with: "SAFETY NUMBER")
      .replacing(/[0-9a-f]{64}/, with: "HEX")
      .replacing(/up to \d+ KiB/, with: "up to N KiB")
      .replacing(/(?<words>first envelope's id: found) \d+ times/) { "\($0.output.words) N times" }
  }
}
