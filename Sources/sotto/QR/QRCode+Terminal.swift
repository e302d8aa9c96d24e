/// A symbol as text, two modules above each other in a character: cells of a terminal are twice as high as wide.
extension QRCode {
  package enum TerminalStyle: CaseIterable {
    /// Black on white whatever the terminal's colours are.
    case ansi
    /// Without escape sequences. Light modules are drawn, so it takes a terminal with light text on dark.
    case plain
  }

  /// The light margin, in modules.
  package enum QuietZone: Int, CaseIterable {
    /// What the standard demands (6.3.8).
    case standard = 4
    /// What cameras cope with, for a terminal that is too narrow.
    case narrow = 2
  }

  /// The widest quiet zone with which the symbol fits.
  ///
  /// - Parameter columns: of the terminal.
  /// - Returns: nil when it fits with none: lines that wrap cannot be read by anybody.
  package func quietZone(columns: Int) -> QuietZone? {
    QuietZone.allCases.first { size + 2 * $0.rawValue <= columns }
  }

  /// The symbol as it goes to a terminal, each line with a newline at its end.
  package func text(_ style: TerminalStyle, quietZone: QuietZone = .standard) -> String {
    lines(style, quietZone: quietZone).map { $0 + "\n" }.joined()
  }

  /// - Returns: lines without newlines, all of the same width, `size` and two quiet zones. A style ends where its line
  ///   does, so that it colours nothing else.
  package func lines(_ style: TerminalStyle, quietZone: QuietZone = .standard) -> [String] {
    let zone = quietZone.rawValue
    // The size is odd: the last line's lower half is one more row of quiet zone.
    return stride(from: -zone, to: size + zone, by: 2).map { row in
      let cells = (-zone..<(size + zone)).map { column in
        Self.cell(isDark(row, column), isDark(row + 1, column), style)
      }
      return switch style {
      case .ansi: "\u{1b}[30;107m" + String(cells) + "\u{1b}[0m"
      case .plain: String(cells)
      }
    }
  }

  /// Like the subscript, and light outside the symbol.
  private func isDark(_ row: Int, _ column: Int) -> Bool {
    (0..<size).contains(row) && (0..<size).contains(column) && self[row, column]
  }

  private static func cell(_ upperIsDark: Bool, _ lowerIsDark: Bool, _ style: TerminalStyle) -> Character {
    let drawsDark = style == .ansi
    return switch (upperIsDark == drawsDark, lowerIsDark == drawsDark) {
    case (true, true): "█"
    case (true, false): "▀"
    case (false, true): "▄"
    case (false, false): " "
    }
  }
}
