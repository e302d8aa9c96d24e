import Foundation
import Testing
import sotto_push

/// What `Deploy/` and `Specs/` say of the gateway is so.
@Suite struct GatewayDeployTests {
  private func text(_ path: String) throws -> String {
    try String(
      contentsOf: URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../\(path)"), encoding: .utf8
    )
  }

  /// Every metric that a rule asks for exists, with the labels and values that it asks for.
  @Test func metricsOfTheRulesExist() throws {
    let used = try text("Deploy/prometheus-alerts.yml").matches(of: /(sotto_push_[a-z_]+)(?:\{([^}]*)\})?/)
    #expect(used.count > 3)
    for match in used {
      let metric = try #require(GatewayMetric(rawValue: String(match.1)), "\(match.1)")
      for label in (match.2 ?? "").matches(of: /([a-z]+)=~?"([^"]*)"/) {
        let known = try #require(metric.labels.first { $0.name == String(label.1) }, "\(match.0)")
        for value in label.2.split(separator: "|") { #expect(known.values.contains(String(value)), "\(match.0)") }
      }
    }
  }

  /// [leakage.8]
  @Test func everythingThatIsSaidOrCountedIsListed() throws {
    let page = try text("Specs/Leakage.md")
    let rule = try #require(page.firstRange(of: "**[leakage.8]**"))
    let words = page[rule.upperBound...].prefix { $0 != "*" }
    for word in GatewayEvent.words { #expect(words.contains("`\(word)`"), "\(word)") }
    for metric in GatewayMetric.allCases { #expect(words.contains("`\(metric.rawValue)`"), "\(metric)") }
  }
}
