/// A message that is being written, broken into rows, and where its cursor stands.
package struct EditorLayout {
  package struct Line {
    package let glyphs: [Glyph]
    /// Where each glyph begins in the UTF-8, and where the last one ends.
    package let offsets: [Int]

    package var start: Int { offsets[0] }
    package var end: Int { offsets[offsets.count - 1] }
  }

  package let rows: [Line]
  package let cursor: Position
  private let columns: Int

  /// - Parameter columns: what the text has, with a last one in which the cursor can stand behind a full row.
  package init(_ editor: LineEditor, columns: Int) {
    self.columns = max(1, columns - 1)
    rows = Self.rows(editor.text, columns: self.columns)
    let row = rows.lastIndex { $0.start <= editor.cursor } ?? 0
    let before = zip(rows[row].glyphs, rows[row].offsets.dropFirst()).prefix { $0.1 <= editor.cursor }
    let column = before.reduce(0) { $0 + $1.0.columns }
    cursor = Position(row: row, column: min(column, columns > 1 ? self.columns : 0))
  }

  /// The place in a row that is nearest to a column, from the left.
  package func offset(row: Int, column: Int) -> Int {
    let line = rows[row]
    var used = 0
    for (index, glyph) in line.glyphs.enumerated() {
      if used + glyph.columns > column { return line.offsets[index] }
      used += glyph.columns
    }
    // The end of a row that text made full is the start of the next one.
    let isSoft = rows.indices.contains(row + 1) && rows[row + 1].start == line.end
    return isSoft && !line.glyphs.isEmpty ? line.offsets[line.glyphs.count - 1] : line.end
  }

  /// What a row shows; spaces may hang over the edge.
  package func visible(_ row: Int) -> [Glyph] { TextWrap.visible(rows[row].glyphs, columns: columns) }

  private static func rows(_ text: String, columns: Int) -> [Line] {
    var rows: [Line] = []
    for line in text.split(omittingEmptySubsequences: false, whereSeparator: \.isLineEnd) {
      let glyphs = line.map { Glyph($0).fitting(columns) }
      var offsets = [text.utf8.distance(from: text.startIndex, to: line.startIndex)]
      for character in line { offsets.append(offsets[offsets.count - 1] + character.utf8.count) }
      for range in TextWrap.ranges(glyphs, columns: columns) {
        rows.append(Line(glyphs: Array(glyphs[range]), offsets: Array(offsets[range.lowerBound...range.upperBound])))
      }
    }
    return rows
  }
}
