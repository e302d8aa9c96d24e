/// Turns frames into the bytes that make a terminal show them: only the rows that changed, from where they changed.
///
/// Each row is positioned, erased and written; nothing scrolls, and the screen is never cleared as a whole, because some
/// terminals keep what is cleared that way. Where terminals disagree about a glyph's columns, the next one is positioned
/// too, so that a disagreement stays where it is.
package struct Painter {
  private let isColored: Bool
  private var shown: Frame?

  /// - Parameter isColored: false if the environment has NO_COLOR.
  package init(isColored: Bool) { self.isColored = isColored }

  /// What is on the terminal is not known any more: the next frame is painted as a whole.
  package mutating func forget() { shown = nil }

  /// The bytes that lead from the last frame to this one; none if nothing changed.
  package mutating func bytes(for frame: Frame) -> [UInt8] {
    let before = shown?.size == frame.size ? shown : nil
    shown = frame
    guard before != frame else { return [] }
    var output = ""
    for (index, row) in frame.rows.enumerated() where row != before?.rows[index] {
      paint(row, over: before?.rows[index], at: index, into: &output)
    }
    let cursor = frame.cursor.map { Self.position($0.row, $0.column) } ?? ""
    // Nothing but the cursor moved: hiding it would make it flicker.
    if output.isEmpty, before?.cursor != nil, frame.cursor != nil { return Array(cursor.utf8) }
    let end = cursor + (frame.cursor == nil ? "" : "\u{1b}[?25h")
    return Array(("\u{1b}[?2026h\u{1b}[?25l" + output + end + "\u{1b}[?2026l").utf8)
  }

  private func paint(_ row: Row, over before: Row?, at index: Int, into output: inout String) {
    let kept = before.map { Self.commonPrefix(row, $0) } ?? 0
    var column = row.cells[..<kept].reduce(0) { $0 + $1.glyph.columns }
    output += Self.position(index, column) + "\u{1b}[K"
    var style = Style.plain
    var isSure = true
    for cell in row.cells[kept...] {
      if !isSure { output += "\u{1b}[\(column + 1)G" }
      if cell.style != style {
        output += sequence(for: cell.style)
        style = cell.style
      }
      output += cell.glyph.text
      column += cell.glyph.columns
      isSure = cell.glyph.isSure
    }
    if style != .plain { output += sequence(for: .plain) }
  }

  /// How many cells at the start stand already, in columns that are sure.
  private static func commonPrefix(_ row: Row, _ before: Row) -> Int {
    zip(row.cells, before.cells).prefix { $0 == $1 && $0.glyph.isSure }.count
  }

  private static func position(_ row: Int, _ column: Int) -> String { "\u{1b}[\(row + 1);\(column + 1)H" }

  private func sequence(for style: Style) -> String {
    var numbers: [Int] = []
    if style.isBold { numbers.append(1) }
    if style.isDim { numbers.append(2) }
    if style.isReverse { numbers.append(7) }
    if isColored, let color = style.color.number { numbers.append(color) }
    return "\u{1b}[" + (["0"] + numbers.map(String.init)).joined(separator: ";") + "m"
  }
}

extension Style.Color {
  fileprivate var number: Int? {
    switch self {
    case .none: nil
    case .red: 31
    case .green: 32
    case .yellow: 33
    case .cyan: 36
    }
  }
}
