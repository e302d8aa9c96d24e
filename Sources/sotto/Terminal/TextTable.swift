/// Columns that fit what stands in them.
package enum TextTable {
  /// Rows as standard output takes them: cut to the width of a terminal, whole for a pipe.
  static func lines(_ rows: [[String]]) -> [String] { lines(rows, limit: Output.columns) }

  /// - Parameters:
  ///   - rows: each with as many cells as the first.
  ///   - limit: columns of the terminal; longer lines are cut, with an ellipsis. nil: they stay whole.
  package static func lines(_ rows: [[String]], limit: Int?) -> [String] {
    guard let columns = rows.first?.count else { return [] }
    let widths = (0..<columns).map { column in rows.map { $0[column].glyphs.columns }.max() ?? 0 }
    return rows.map { row in
      let cells = zip(row, widths).filter { $0.1 > 0 }.map { $0.0.padded(to: $0.1) }
      let line = cells.joined(separator: "  ").trimmingTrailingSpaces
      return limit.map(line.cut) ?? line
    }
  }
}

extension String {
  /// Filled with spaces to a number of columns.
  func padded(to width: Int) -> String { self + String(repeating: " ", count: max(0, width - glyphs.columns)) }

  /// As much of it as fits a number of columns.
  fileprivate func cut(to limit: Int) -> String {
    let glyphs = glyphs
    guard glyphs.columns > limit else { return self }
    var room = limit - 1
    let kept = glyphs.prefix { glyph in
      room -= glyph.columns
      return room >= 0
    }
    return kept.map(\.text).joined() + "…"
  }

  fileprivate var trimmingTrailingSpaces: String {
    var text = self[...]
    while text.last == " " { text.removeLast() }
    return String(text)
  }
}
