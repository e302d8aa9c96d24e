import Testing

/// The other suites stand on this scanner, so it has a suite of its own.
@Suite struct SwiftTextTests {
  @Test(arguments: [
    ("let a = 1 // import Foundation", "let a = 1", "// import Foundation"),
    ("a /* one /* two */ three */ b", "a b", "/* one /* two */ three */"),
    ("\"https://example.org\" + c", "+ c", "\"https://example.org\""),
    ("\"say \\\"//\\\" \" + c", "+ c", "\"say \\\"//\\\" \""),
    ("\"a \\(Date() + \"x\") b\" + c", "(Date() + ) + c", "\"a \\ \"x\" b\""),
    ("#\"raw \\(no) \"quote\" \\#(yes)\"# + c", "(yes) + c", "#\"raw \\(no) \"quote\" \\# \"#"),
    ("\"\"\"\nimport Foundation \"quoted\"\n\"\"\" + c", "+ c", "\"\"\" import Foundation \"quoted\" \"\"\""),
    ("\"\" + c", "+ c", "\"\""),
    ("#if os(Linux)", "#if os(Linux)", ""),
    ("x = /\"/\nimport Foundation", "x = / import Foundation", "\"/"),
  ])
  func `Code and prose are told apart`(source: String, code: String, prose: String) {
    let text = SwiftText(source)
    #expect(text.code.words == code.words)
    #expect(text.prose.words == prose.words)
    #expect(text.code.count == source.count && text.prose.count == source.count)
  }

  @Test func `Tokens know their lines and keep backticks`() {
    let tokens = SwiftText("case `import`\n\n@testable import Foo_1.Bar").tokens
    #expect(tokens.map(\.text) == ["case", "`import`", "@testable", "import", "Foo_1", ".", "Bar"])
    #expect(tokens.map(\.line) == [1, 1, 3, 3, 3, 3, 3])
  }
}

extension String {
  fileprivate var words: [Substring] { split(whereSeparator: \.isWhitespace) }
}
