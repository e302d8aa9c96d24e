import Testing

/// A key that seals twice is looked for wherever sessions are used: a suite that forgets to is found here.
@Suite struct SealWatchTests {
  @Test func `Every suite of sessions and client watches its seals`() throws {
    let paths = try ["Tests/SottoSessionTests", "Tests/SottoClientTests"]
      .flatMap { try Repository.files(under: $0, endingWith: ".swift") }
    #expect(paths.count > 20)
    expectNone(try paths.flatMap { path in try Self.blind(Repository.text(path)).map { "\(path): \($0)" } })
  }

  @Test func `A suite that does not is found`() {
    #expect(Self.blind("@Suite struct A {\n") == ["@Suite struct A {"])
    #expect(Self.blind("@Suite(.serialized) struct A {\n@Suite(.serialized, .sealsAreWatched) struct B {").count == 1)
    #expect(Self.blind("@Suite(.sealsAreWatched) struct A {\n/// @Suite\n").isEmpty)
  }

  private static func blind(_ text: String) -> [String] {
    text.split(separator: "\n").map(String.init).filter { line in
      line.hasPrefix("@Suite") && !line.contains(".sealsAreWatched") && !line.contains(".sealsAreForged")
    }
  }
}
