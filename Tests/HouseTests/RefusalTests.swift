import Foundation
import Testing

/// Every rule that says *must refuse* has a row in the table "Refusals" of Specs/Conformance.md: its stages, and what
/// shows the refusal. That is a negative vector of the rule, or the test that the row names.
@Suite struct RefusalTests {
  @Test func `Every rule that must refuse stands in the table of refusals`() throws {
    let listed = try Set(rows().flatMap(\.rules))
    let missing = try definitions().filter { id, text in
      (text.contains("must refuse") || text.contains("must be refused")) && !listed.contains(id)
    }
    expectNone(missing.keys.sorted().map { "\($0) must refuse, and is not in the table" })
  }

  @Test func `Every refusal is shown by a negative vector or by the test that the table names`() throws {
    let shown = try Dictionary(grouping: negativeCases(), by: \.rule)
    let tests = try TestNames()
    var findings: [String] = []
    for row in try rows() {
      for test in row.tests where !tests.contains(test) {
        findings.append("the row of \(row.rules) names a test that is not there: \(test)")
      }
      guard row.tests.isEmpty else { continue }
      let unseen = row.rules.filter { shown[$0] == nil }
      findings += unseen.map { "no negative vector shows \($0), and its row names no test" }
      let expected = Set(row.rules.flatMap { shown[$0] ?? [] }.map(\.stage))
      findings += row.stages.filter { !expected.contains($0) }.map { "no vector of \(row.rules) expects \($0)" }
    }
    expectNone(findings)
  }

  @Test func `Every negative vector expects a stage that the table gives to its rule`() throws {
    var stages: [String: Set<String>] = [:]
    for row in try rows() {
      for rule in row.rules { stages[rule, default: []].formUnion(row.stages) }
    }
    let wrong = try negativeCases().filter { !(stages[$0.rule] ?? []).contains($0.stage) }
    expectNone(wrong.map { "\($0.place) expects \($0.stage) for \($0.rule)" })
  }

  private struct Row {
    let rules: [String]
    let stages: [String]
    let tests: [String]
  }

  /// `| [rule.1] [rule.2] | `stage`, `stage` | `A test` |`
  private func rows() throws -> [Row] {
    let page = try Repository.text("Specs/Conformance.md")
    let section = try #require(page.split(separator: "\n## ").first { $0.hasPrefix("Refusals\n") })
    return section.split(separator: "\n").filter { $0.hasPrefix("| [") }.map { line in
      let columns = line.split(separator: "|", omittingEmptySubsequences: false).map(String.init)
      return Row(
        rules: RuleId.all(in: columns[1]), stages: Self.quoted(columns[2]),
        tests: columns.count > 4 ? Self.quoted(columns[3]) : [])
    }
  }

  private static func quoted(_ column: String) -> [String] { column.matches(of: /`([^`]+)`/).map { String($0.1) } }

  /// What each rule says: from its id to the next rule or heading.
  private func definitions() throws -> [String: String] {
    var found: [String: String] = [:]
    for path in try Repository.files(under: "Specs", endingWith: ".md") {
      let page = try Repository.text(path)
      let starts = page.matches(of: /(?m)^(?:\*\*(\[[a-z][a-z-]*\.[0-9]+\])\*\*|#+ )/)
      for (index, start) in starts.enumerated() {
        guard let id = start.1 else { continue }
        let end = index + 1 < starts.count ? starts[index + 1].range.lowerBound : page.endIndex
        found[String(id)] = page[start.range.lowerBound..<end].split(separator: "\n").joined(separator: " ")
      }
    }
    return found
  }

  private struct NegativeCase: Hashable {
    let place: String
    let rule: String
    let stage: String
  }

  private func negativeCases() throws -> [NegativeCase] {
    var found: [NegativeCase] = []
    for path in try Repository.files(under: "Vectors", endingWith: ".json") {
      let object = try JSONSerialization.jsonObject(with: Data(Repository.text(path).utf8)) as? [String: Any]
      for vector in object?["cases"] as? [[String: Any]] ?? [] {
        guard let stage = vector["expect"] as? String, let rule = vector["rule"] as? String else { continue }
        found.append(NegativeCase(place: "\(path) \(vector["id"] ?? "")", rule: rule, stage: stage))
      }
    }
    return found
  }
}
