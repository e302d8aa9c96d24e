/// Columns that fit what stands in them.
enum TextTable {
  /// - Parameter rows: each with as many cells as the first.
  static func lines(_ rows: [[String]]) -> [String] {
    guard let columns = rows.first?.count else { return [] }
    let widths = (0..<columns).map { column in rows.map { $0[column].glyphs.columns }.max() ?? 0 }
    return rows.map { row in
      let cells = zip(row, widths).filter { $0.1 > 0 }.map { $0.0.padded(to: $0.1) }
      return cells.joined(separator: "  ").trimmingTrailingSpaces
    }
  }
}

extension String {
  /// Filled with spaces to a number of columns.
  func padded(to width: Int) -> String { self + String(repeating: " ", count: max(0, width - glyphs.columns)) }

  fileprivate var trimmingTrailingSpaces: String {
    var text = self[...]
    while text.last == " " { text.removeLast() }
    return String(text)
  }
}
