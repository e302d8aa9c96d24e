import Testing
import sotto

@Suite struct TerminalTests {
  @Test func `A symbol in black on white`() throws {
    let code = try #require(QRCode("HELLO WORLD", correction: .quartile))
    let lines = code.lines(.ansi)
    #expect(lines.count == 15)
    #expect(lines.allSatisfy { $0.hasPrefix("\u{1b}[30;107m") && $0.hasSuffix("\u{1b}[0m") && !$0.contains("\n") })
    // The finders' upper edge and the row below it; what lies between them is text.
    #expect(lines[2].hasPrefix("\u{1b}[30;107m    █▀▀▀▀▀█ "))
    #expect(lines[2].hasSuffix(" █▀▀▀▀▀█    \u{1b}[0m"))
    #expect(code.text(.ansi) == lines.map { $0 + "\n" }.joined())
  }

  @Test func `A symbol without colours is drawn by its light modules`() throws {
    let code = try #require(QRCode("HELLO WORLD", correction: .quartile))
    let lines = code.lines(.plain)
    #expect(lines[0] == String(repeating: "█", count: 29))
    #expect(lines[2].hasPrefix("████ ▄▄▄▄▄ █"))
    #expect(lines.allSatisfy { !$0.contains("\u{1b}") && $0.count == 29 })
  }

  @Test(arguments: QRCode.TerminalStyle.allCases, QRCode.QuietZone.allCases)
  func `Every module is in the text`(_ style: QRCode.TerminalStyle, _ zone: QRCode.QuietZone) throws {
    for text in ["sotto", String(repeating: "sotto", count: 40)] {
      let code = try #require(QRCode(text))
      #expect(Screen.modules(code.text(style, quietZone: zone)) == Screen.modules(code, quietZone: zone.rawValue))
    }
  }

  @Test func `A narrow terminal gets a narrow quiet zone`() throws {
    let code = try #require(QRCode("HELLO WORLD"))
    #expect(code.size == 21)
    #expect(code.quietZone(columns: 80) == .standard)
    #expect(code.quietZone(columns: 29) == .standard)
    #expect(code.quietZone(columns: 28) == .narrow)
    #expect(code.quietZone(columns: 25) == .narrow)
    #expect(code.quietZone(columns: 24) == nil)
    #expect(code.lines(.plain, quietZone: .narrow).allSatisfy { $0.count == 25 })
    #expect(code.lines(.plain, quietZone: .narrow).count == 13)
  }
}

/// What somebody sees who looks at a terminal with light text on dark. Dark is true.
enum Screen {
  static func modules(_ text: String) -> [[Bool]] {
    text.split(separator: "\n").flatMap { line in
      let plain = line.replacing("\u{1b}[30;107m", with: "").replacing("\u{1b}[0m", with: "")
      let isInkDark = plain != line
      let upper = plain.map { ($0 == "█" || $0 == "▀") == isInkDark }
      let lower = plain.map { ($0 == "█" || $0 == "▄") == isInkDark }
      return [upper, lower]
    }
  }

  /// The row that fills up the last line is part of what is seen.
  static func modules(_ code: QRCode, quietZone: Int) -> [[Bool]] {
    let rows = modules(code.symbol, quietZone: quietZone)
    return rows + [Array(repeating: false, count: rows[0].count)]
  }

  static func modules(_ symbol: QRSymbol, quietZone: Int = 4) -> [[Bool]] {
    let light = Array(repeating: false, count: symbol.size + 2 * quietZone)
    let side = Array(repeating: false, count: quietZone)
    let rows = (0..<symbol.size).map { row in side + (0..<symbol.size).map { symbol[row, $0] } + side }
    let margin = Array(repeating: light, count: quietZone)
    return margin + rows + margin
  }
}
