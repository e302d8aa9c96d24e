import Foundation
import Testing
import sotto

@Suite struct ReportPageTests {
  typealias Trace = ConversationTrace

  @Test func `A page is one well-formed file that fetches nothing and runs nothing`() throws {
    let html = ReportPage(try Story.bridge().trace).html
    #expect(Tags(html).problem == nil)
    for word in ["<script", "<link", "<img", "<iframe", "src=", "url(", "http:", "https:", "@import", "javascript:"] {
      #expect(!html.lowercased().contains(word), "\(word)")
    }
    #expect(html.contains(#"content="default-src 'none'; style-src 'unsafe-inline'""#))
    // Markup that went through the escaping would show its tags.
    #expect(!html.contains("&lt;"))
  }

  @Test(arguments: [
    "<script>alert(1)</script>", "\"><svg onload=alert(1)>", "' onmouseover='alert(1)", "</style><b>", "</title><b>",
    "<!--", "]]>", "&lt;b&gt;", "&#x3c;b>", "\u{0}\u{1b}[2J\u{7f}\u{85}", "\u{202e}\u{2066}\u{2069}", "\\(evil)", "",
    "\u{fffe}\u{ffff}", "\u{301}\u{301}", "a\u{2028}b", "javascript:alert(1)",
  ])
  func `Hostile text changes no tag`(text: String) throws {
    func page(_ text: String) throws -> String {
      let story = try Story("A" + text, "B" + text)
      try story.open(story.seal(.first, "x" + text))
      try story.open(story.seal(.second, "x" + text))
      story.trace.versions = [.init(text, text)]
      story.trace.search = Trace.RelaySearch(
        tables: [.init(text, 1)], bytes: 1, searches: 1, needles: [.init(text, 1)], found: 0, controlFound: 1)
      return ReportPage(story.trace).html
    }
    let html = try page(text)
    let areTheSame = Tags(html).all == Tags(try page("harmless")).all
    #expect(areTheSame)
    #expect(!html.unicodeScalars.contains { $0.value < 32 && $0 != "\n" && $0 != "\t" })
    #expect(!html.contains("\u{202e}"))
  }

  @Test func `The relay's column has neither a name nor a text`() throws {
    let trace = try Story.bridge().trace
    let html = ReportPage(trace).html
    let cells = html.components(separatedBy: "<div class=\"relay\">").dropFirst()
      .compactMap { $0.components(separatedBy: "</div>").first }
    #expect(cells.count == 6)
    let table = try #require(
      html.components(separatedBy: "<table class=\"seen\"").last?.components(separatedBy: "</table>").first)
    for part in cells + [table] {
      for secret in [trace.people.first, trace.people.second] + Self.texts(of: trace) {
        #expect(!part.contains(secret))
      }
      for label in ["RK", "CK", "MK", "DH", "N ="] { #expect(!part.contains(label)) }
    }
  }

  @Test func `Only what was reported as forgotten is called forgotten`() throws {
    var trace = try Story.bridge().trace
    trace.events.removeAll { if case .forgotten = $0 { true } else { false } }
    let html = ReportPage(trace).html
    #expect(!html.contains("<p class=\"gone\">"))
    #expect(html.contains("0 are forgotten"))
  }

  @Test func `A kept key lives from the step that passed it to the step that used it`() throws {
    let html = ReportPage(try Story.bridge().trace).html
    #expect(html.contains("It opens with the key that was kept in step 7."))
    #expect(html.contains("<td>steps 7 to 8</td>"))
  }

  @Test func `Days are dates`() throws {
    #expect(ReportPage(try Story.bridge().trace).html.contains("<dd>2026-02-28</dd>"))
  }

  @Test func `A name of the relay is four bytes`() {
    #expect(Trace.RelayName(of: [0xde, 0xad, 0xbe, 0xef, 1]) == Trace.RelayName(0xdead_beef))
    #expect(Trace.RelayName(of: [1]) == Trace.RelayName(0x0100_0000))
  }

  /// WCAG 2.2, success criterion 1.4.3.
  @Test func `Every ink is readable on every ground`() throws {
    func luminance(_ hex: String) throws -> Double {
      let value = try #require(Int(hex.dropFirst(), radix: 16))
      let parts = [16, 8, 0].map { shift -> Double in
        let part = Double(value >> shift & 255) / 255
        return part <= 0.04045 ? part / 12.92 : pow((part + 0.055) / 1.055, 2.4)
      }
      return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]
    }
    for theme in [ReportStyle.light, ReportStyle.dark] {
      for ink in theme.inks {
        for ground in theme.grounds {
          let pair = try [luminance(ink.hex), luminance(ground.hex)].sorted()
          let contrast = (pair[1] + 0.05) / (pair[0] + 0.05)
          #expect(contrast >= 4.5, "\(ink.name) on \(ground.name)")
        }
      }
    }
  }

  private static func texts(of trace: Trace) -> [String] {
    trace.events.compactMap { event in
      switch event {
      case .sealed(_, let sealed): sealed.text
      case .opened(_, let opened): opened.text
      default: nil
      }
    }
  }
}

/// The tags of a page, as a reader finds them who trusts nothing but `<` and `>`.
private struct Tags {
  private(set) var all: [String] = []

  /// By bytes: a combining mark behind a `>` hides it from whoever reads characters, and no browser does.
  init(_ html: String) {
    let bytes = Array(html.utf8)
    var next = 0
    while let open = bytes[next...].firstIndex(of: UInt8(ascii: "<")) {
      let close = bytes[open...].firstIndex(of: UInt8(ascii: ">")) ?? bytes.count - 1
      all.append(String(decoding: bytes[open...close], as: UTF8.self))
      next = close + 1
    }
  }

  /// The first tag that is not closed, or closed and not open; or an id that occurs twice.
  var problem: String? {
    var open: [Substring] = []
    var ids: Set<Substring> = []
    for tag in all where !tag.hasPrefix("<!") {
      if let id = tag.components(separatedBy: " id=\"").dropFirst().first?.prefix(while: { $0 != "\"" }),
        !ids.insert(id).inserted
      {
        return tag
      }
      let name = tag.dropFirst().prefix { !" />".contains($0) }
      if tag.hasPrefix("</") {
        guard open.popLast() == tag.dropFirst(2).dropLast() else { return tag }
      } else if !tag.hasSuffix("/>"), name != "meta" {
        open.append(name)
      }
    }
    return open.last.map(String.init)
  }
}
