import Foundation
import SottoRelay
import SottoWire
import Testing

/// What `Deploy/` says of the metrics is so.
@Suite struct DeployTests {
  private func text(_ name: String) throws -> String {
    try String(
      contentsOf: URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../Deploy/\(name)"),
      encoding: .utf8)
  }

  /// Every metric that a dashboard or rule asks for exists, with the labels and values that it asks for.
  @Test(arguments: ["grafana-dashboard.json", "prometheus-alerts.yml"]) func metricsExist(_ name: String) throws {
    let text = try text(name).replacing("\\\"", with: "\"")
    let used = text.matches(of: /(sotto_relay_[a-z_]+)(?:\{([^}]*)\})?/)
    #expect(used.count > 5)
    for match in used {
      let base = String(match.1).replacing(/_(bucket|count|sum)$/, with: "")
      let metric = try #require(RelayMetric(rawValue: String(match.1)) ?? RelayMetric(rawValue: base), "\(match.1)")
      for label in (match.2 ?? "").matches(of: /([a-z]+)=~?"([^"]*)"/) where label.1 != "job" {
        let known = try #require(metric.labels.first { $0.name == String(label.1) }, "\(match.0)")
        for value in label.2.split(separator: "|") { #expect(known.values.contains(String(value)), "\(match.0)") }
      }
    }
  }

  /// Strangers who fill a mailbox do not call the operator, and neither does a provider that is away; a disk that is full does.
  /// [operation.5]
  @Test func failedRequestsPageAndFullMailboxesDoNot() throws {
    let rules = try text("prometheus-alerts.yml")
    let rule = try #require(rules.firstMatch(of: /alert: RelayFailsRequests\n +expr: (.*)/))
    let status = try #require(rule.1.firstMatch(of: /sotto_relay_requests_total\{status=~?"([^"]*)"\}/)).1
    let statuses = status.split(separator: "|").map(String.init)
    func pages(_ problem: Problem) -> Bool { statuses.contains(AnswerClass(problem.status, problem).rawValue) }
    for problem in [Problem.mailboxFull, .prekeysFull, .blobsFull] { #expect(!pages(problem), "\(problem)") }
    for problem in [Problem.storageFull, .internalError, .unavailable] { #expect(pages(problem), "\(problem)") }
    #expect(!statuses.contains(AnswerClass(503, .unavailable, isProviderAway: true).rawValue))
  }

  /// What NGINX answers itself is what a relay would say. [relay.10]
  @Test func theFrontSpeaksLikeARelay() throws {
    let answers = try text("nginx.conf").matches(of: /return ([0-9]+) '(\{.*\})';/)
    #expect(answers.count == 6)
    for answer in answers {
      let problem = try #require(Problem(document: String(answer.2)), "\(answer.2)")
      #expect(answer.2 == problem.document && Int(answer.1) == problem.status)
    }
  }

  /// Nothing is counted that nobody looks at.
  @Test func theDashboardShowsEveryMetric() throws {
    let dashboard = try text("grafana-dashboard.json")
    for metric in RelayMetric.allCases { #expect(dashboard.contains(metric.rawValue), "\(metric)") }
    let object = try JSONSerialization.jsonObject(with: Data(dashboard.utf8)) as? [String: Any]
    let panels = try #require(object?["panels"] as? [[String: Any]])
    #expect(Set(panels.compactMap { $0["id"] as? Int }).count == panels.count)
  }
}
