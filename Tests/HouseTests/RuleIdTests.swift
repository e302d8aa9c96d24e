import Testing

/// Every rule has an address such as `[ratchet.7]`: defined once in Specs/, named by the code that implements it and by
/// the test or the vector that breaks it. This suite holds the three together.
@Suite struct RuleIdTests {
  @Test func `Every rule is defined once`() throws {
    let all = try definitions()
    #expect(!all.isEmpty, "Specs/ defines no rule")
    let twice = Dictionary(grouping: all, by: \.id).values.filter { $0.count > 1 }
      .map { "\($0[0].id): \($0.map(\.path).joined(separator: ", "))" }
    expectNone(twice.sorted())
  }

  @Test func `Every rule that code, a test or a vector names is defined`() throws {
    let defined = try Set(definitions().map(\.id))
    let unknown = try (namedInCode() + namedInTests()).filter { !defined.contains($0.id) }
    expectNone(unknown.map { "\($0.path) names \($0.id)" })
  }

  @Test func `Every rule is named by the code that implements it`() throws {
    let named = try Set(namedInCode().map(\.id))
    let missing = try definitions().filter { !named.contains($0.id) }
    expectNone(missing.map { "no code names \($0.id) of \($0.path)" })
  }

  @Test func `Every rule is named by a test or a vector`() throws {
    let named = try Set(namedInTests().map(\.id))
    let missing = try definitions().filter { !named.contains($0.id) }
    expectNone(missing.map { "no test or vector names \($0.id) of \($0.path)" })
  }

  @Test func `Ids are read from the right places`() {
    #expect(
      RuleId.all(in: "as [ratchet.7] and [codec.12] say, not [Ratchet.7] nor [a.b]") == ["[ratchet.7]", "[codec.12]"])
    #expect(RuleId.defined(in: "**[card.1]** A card\n- **[card.2]** listed\nas **[card.3]** says\n").count == 1)
    #expect(RuleId.all(in: SwiftText("let x = row[pair.0]  // [codec.3]").prose) == ["[codec.3]"])
  }

  private struct Mention {
    let id: String
    let path: String
  }

  private func definitions() throws -> [Mention] {
    try mentions(in: Repository.files(under: "Specs", endingWith: ".md"), RuleId.defined)
  }

  private func namedInCode() throws -> [Mention] {
    // Prose only: `row[pair.0]` is an index, not a rule.
    try mentions(in: Repository.files(under: "Sources", endingWith: ".swift")) { RuleId.all(in: SwiftText($0).prose) }
  }

  private func namedInTests() throws -> [Mention] {
    let tests = try Repository.files(under: "Tests", endingWith: ".swift").filter { !$0.hasPrefix("Tests/HouseTests/") }
    let vectors = try Repository.files(under: "Vectors", endingWith: ".json") + Repository.files(under: "Vectors/check")
    return try mentions(in: tests) { RuleId.all(in: SwiftText($0).prose) } + mentions(in: vectors, RuleId.all)
  }

  private func mentions(in paths: [String], _ ids: (String) -> [String]) throws -> [Mention] {
    try paths.flatMap { path in try Set(ids(Repository.text(path))).sorted().map { Mention(id: $0, path: path) } }
  }
}

/// An id in brackets: a document's or construction's name in lower case, a point, a number.
enum RuleId {
  static func all(in text: String) -> [String] {
    text.matches(of: /\[[a-z][a-z-]*\.[0-9]+\]/).map { String($0.0) }
  }

  /// A definition begins its line and stands in bold.
  static func defined(in page: String) -> [String] {
    page.matches(of: /(?m)^\*\*(\[[a-z][a-z-]*\.[0-9]+\])\*\*/).map { String($0.1) }
  }
}
