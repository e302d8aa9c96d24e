import Foundation
import Testing

/// The page that `sotto demo --report FILE.html` writes.
@Suite struct ReportTests {
  private static let texts = [
    "Bob, are you there?", "Seven o'clock, by the old bridge. Bring the papers.", "I am here now. I will bring them.",
    "Is eight too late?", "Eight is fine. À bientôt! 🌉", "See you there.",
  ]

  /// What stands in a page, beside what the demo has printed. A demo takes seconds: one is enough for all.
  private static let page = Task { () async throws -> (html: String, transcript: String) in
    let folder = try TemporaryFolder()
    let file = folder.file("report.html")
    // It is written over whatever was there.
    try "before".write(toFile: file, atomically: true, encoding: .utf8)
    let outcome = try await run(Programs.path("sotto"), ["demo", "--report", file], killedAfter: 600)
    #expect(outcome.status == 0, "\(outcome)")
    let attributes = try FileManager.default.attributesOfItem(atPath: file)
    #expect(attributes[.posixPermissions] as? Int == 0o600)
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["report.html"])
    return (try String(contentsOfFile: file, encoding: .utf8), outcome.output)
  }

  @Test func `The page has each step of both sides and of the relay, and no byte of a key`() async throws {
    let (html, transcript) = try await Self.page.value
    let plain = html.replacing("&#39;", with: "'")
    for text in Self.texts { #expect(plain.ranges(of: text).count == 2, "sealed and opened: \(text)") }
    for label in ["RK0", "RK5", "DH\u{a0}A3", "DH\u{a0}B2", "CK\u{a0}B2", "MK\u{a0}A1.1", "MK\u{a0}B2.0"] {
      #expect(html.contains(">\(label)<"), "\(label)")
    }
    #expect(html.ranges(of: "The relay stores").count == 6)
    #expect(html.ranges(of: "<dt>size</dt><dd>8,192 bytes</dd>").count == 2)
    #expect(html.ranges(of: "<dt>right</dt><dd>knock</dd>").count == 2)
    // Each side has forgotten the keys of six messages; one is struck out in the legend.
    #expect(html.matches(of: /<s><span class="key [ab]">MK/).count == 13)
    #expect(html.contains("<s><span class=\"key once\">OPK</span></s>"))
    #expect(Self.keyLike(html) == [])
    // The address holds the account's hash and the contact secret.
    let address = try #require(transcript.firstMatch(of: /sotto:([a-z2-7]{88})@/)?.1)
    #expect(!html.contains(address.prefix(16)))
  }

  /// What could be a part of a key: the relay's names have eight digits, and the page's words are shorter.
  private static func keyLike(_ html: String) -> [String] {
    let spellings = [
      try! Regex("[0-9A-Fa-f]{9,}"), try! Regex("[0-9A-Za-z+/]{22,}"), try! Regex("[0-9A-Za-z_-]{43,}"),
      try! Regex("[0-9]+(, [0-9]+){7,}"),
    ]
    return spellings.flatMap { html.matches(of: $0).map { String(html[$0.range]) } }
  }

  @Test(arguments: [
    "1f2e3d4c5b", "mB3kQx9vT0yLr7ZpWc2HnA==", "[7, 0, 255, 31, 8, 90, 1, 2]",
    "mB3kQx9vT0yLr7ZpWc2HnAeUjD4sFg6iKo8aXbYt-_E",
  ])
  func `What could be a key is noticed`(planted: String) { #expect(!Self.keyLike("<p>\(planted)</p>").isEmpty) }

  @Test(.enabled(if: Browser.program != nil, "SKIPPED the demo's page in a browser: chromium is not installed"))
  func `A browser shows all of it with scripts off, and scrolls to no side in 320 pixels and more`() async throws {
    let html = try await Self.page.value.html
    let looks = try await Browser.look(at: html, widths: [320, 360, 768, 1280])
    #expect(looks.map(\.width) == [320, 360, 768, 1280])
    for look in looks {
      #expect(look.scrollWidth <= look.width)
      #expect(look.beyond == [], "in \(look.width) pixels")
      let expected = ["Alice", "Bob", "The handshake", "What the relay saw", "Forgotten", "MK\u{a0}A2.0"] + Self.texts
      for text in expected { #expect(look.text.contains(text), "\(text) in \(look.width) pixels") }
    }
  }

  @Test(.enabled(if: Browser.program != nil))
  func `A page that is too wide, or that needs its scripts, is noticed`() async throws {
    let page = "<!DOCTYPE html><body><p style=\"width:400px\">wide</p><script>document.write(\"ran\")</script>"
    let look = try #require(try await Browser.look(at: page, widths: [360]).first)
    #expect(look.scrollWidth > 400 && look.text == "wide")
  }

  @Test(arguments: ["report", "report.txt", "report.html/", "html", ""])
  func `Another ending is wrong usage, and says which there are`(name: String) async throws {
    let folder = try TemporaryFolder()
    let outcome = try await run(Programs.path("sotto"), ["demo", "--report", name.isEmpty ? "" : folder.file(name)])
    #expect(outcome.status == 64)
    #expect(outcome.stderr.contains("FILE.html") && outcome.stderr.contains("FILE.json"), "\(outcome)")
    #expect(outcome.output.isEmpty)
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
  }
}
