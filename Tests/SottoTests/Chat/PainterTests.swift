import Testing
import sotto

@Suite struct PainterTests {
  @Test func `A frame is painted once, then only what changed`() {
    var screen = Samples.screen(80, 24)
    var painter = Painter(isColored: true)
    let whole = painter.bytes(for: screen.rendered())
    #expect(whole.count > 1000)
    #expect(painter.bytes(for: screen.rendered()).isEmpty)
    screen.type("h")
    _ = painter.bytes(for: screen.rendered())
    screen.type("i")
    let text = String(decoding: painter.bytes(for: screen.rendered()), as: UTF8.self)
    #expect(text == "\u{1b}[?2026h\u{1b}[?25l\u{1b}[24;4H\u{1b}[Ki\u{1b}[24;5H\u{1b}[?25h\u{1b}[?2026l")
    _ = screen.handle(.left)
    #expect(painter.bytes(for: screen.rendered()) == Array("\u{1b}[24;4H".utf8))
    painter.forget()
    #expect(painter.bytes(for: screen.rendered()).count > 1000)
  }

  @Test func `Without colours there is no colour, and nothing less to read`() {
    var plain = Painter(isColored: false)
    let bytes = plain.bytes(for: Samples.screen(80, 30).rendered())
    let codes = String(decoding: bytes, as: UTF8.self).matches(of: /\x{1b}\[([0-9;]*)m/).map { String($0.1) }
    #expect(!codes.isEmpty)
    #expect(codes.allSatisfy { $0.split(separator: ";").allSatisfy { ["0", "1", "2", "7"].contains($0) } })
  }

  @Test(arguments: [true, false]) func `The terminal shows the frame, whatever it showed before`(colored: Bool) {
    var walk = RandomWalk(seed: colored ? 5 : 6)
    var painter = Painter(isColored: colored)
    var terminal = TestTerminal(size: walk.screen.size)
    for step in 0..<1500 {
      walk.step()
      let frame = step % 7 == 0 ? walk.list.rendered() : walk.screen.rendered()
      if terminal.size != frame.size { terminal = TestTerminal(size: frame.size) }
      terminal.take(painter.bytes(for: frame))
      #expect(terminal.squares == TestTerminal.expected(frame, colored: colored), "step \(step)")
      #expect(terminal.isCursorShown == (frame.cursor != nil), "step \(step)")
      if let cursor = frame.cursor { #expect(terminal.cursor == cursor, "step \(step)") }
      #expect(terminal.strange == [], "step \(step)")
      guard terminal.strange.isEmpty else { return }
    }
  }

  /// Flags of four columns, families of six, hearts of one: what stands behind them stands where it belongs.
  @Test func `A terminal that disagrees about widths is put right`() {
    let naive: (Character) -> Int = { character in
      character.unicodeScalars.reduce(0) {
        $0 + ($1.properties.isEmoji && $1.value > 0xff ? 2 : TextWidth.columns(of: $1))
      }
    }
    var screen = Samples.screen(80, 24, [Samples.line("1", nil, "a 👩‍👩‍👧 b 🇫🇷 c ❤️ d 👍🏽 e", 0)])
    screen.type("🇫🇷🇫🇷x")
    var terminal = TestTerminal(size: screen.size, width: naive)
    var painter = Painter(isColored: true)
    terminal.take(painter.bytes(for: screen.rendered()))
    screen.type("y")
    terminal.take(painter.bytes(for: screen.rendered()))
    let expected = TestTerminal.expected(screen.rendered(), colored: true)
    for (row, squares) in expected.enumerated() {
      for (column, square) in squares.enumerated() where square.text.first?.isLetter == true {
        #expect(terminal.squares[row][column].text == square.text)
      }
    }
  }
}
