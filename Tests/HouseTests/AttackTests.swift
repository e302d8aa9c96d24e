import Testing

/// Every attack in Specs/Attacks.md has a number of its own and a test that is there.
@Suite struct AttackTests {
  @Test func `Every attack names tests that exist`() throws {
    let tests = try TestNames()
    var findings: [String] = []
    for row in try rows() {
      if row.columns.count != 5 || row.columns.contains(where: \.isEmpty) {
        findings.append("\(row.id) does not have five columns with something in each")
        continue
      }
      let named = row.columns[3].matches(of: /`([^`]+)`/).map { String($0.1) }
      if named.isEmpty { findings.append("\(row.id) names no test") }
      findings += named.filter { !tests.contains($0) }.map { "\(row.id) names a test that is not there: \($0)" }
    }
    expectNone(findings)
  }

  @Test func `Every attack has one number, in one of the groups`() throws {
    let groups = [
      "Handshake", "Ratchet and state", "Metadata", "Devices", "Attachments", "Relay", "Storage", "Not applicable yet",
    ]
    #expect(try sections().map(\.title) == groups)
    let later = try page().matches(of: /(?m)^- \*\*(A[0-9]+)\*\*/).map { String($0.1) }
    let all = try rows().map(\.id) + later
    #expect(all.count > 30, "the table is read")
    expectNone(
      Dictionary(grouping: all) { $0 }.filter { $0.value.count > 1 }.keys.sorted().map { "\($0) stands there twice" })
  }

  private struct Row {
    let id: String
    let columns: [String]
  }

  private func page() throws -> String { try Repository.text("Specs/Attacks.md") }

  private func sections() throws -> [(title: String, text: Substring)] {
    try page().split(separator: "\n## ").dropFirst().map { (String($0.prefix { $0 != "\n" }), $0) }
  }

  /// `| A1 | attack | mechanism and source | `test` | outcome |`
  private func rows() throws -> [Row] {
    try sections().flatMap { section in
      section.text.split(separator: "\n").filter { $0.hasPrefix("| A") }.map { line in
        let columns = line.split(separator: "|", omittingEmptySubsequences: false).dropFirst().dropLast()
          .map { String($0.trimmingPrefix { $0 == " " }) }
        return Row(id: columns[0].filter { $0 != " " }, columns: columns)
      }
    }
  }
}
