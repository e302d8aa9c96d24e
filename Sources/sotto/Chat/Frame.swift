/// How glyphs look. Colours are left out where somebody set NO_COLOR, so none carries what nothing else says.
package struct Style: Equatable, Sendable {
  package enum Color: Equatable, Sendable { case none, red, green, yellow, cyan }

  package var isBold = false
  package var isDim = false
  package var isReverse = false
  package var color = Color.none

  package static let plain = Style()
  package static let bold = Style(isBold: true)
  package static let dim = Style(isDim: true)
  package static let bar = Style(isReverse: true)
}

package struct Cell: Equatable, Sendable {
  package let glyph: Glyph
  package let style: Style
}

/// One row of a screen, from its left edge; what lies behind its end is blank.
package struct Row: Equatable, Sendable {
  package private(set) var cells: [Cell] = []
  package private(set) var columns = 0

  package init() {}

  package init(_ text: String, _ style: Style = .plain) { append(text, style) }

  package init(_ cells: some Collection<Cell>) {
    self.cells.reserveCapacity(cells.count)
    for cell in cells { append(cell) }
  }

  package mutating func append(_ text: String, _ style: Style = .plain) { append(text.glyphs, style) }

  package mutating func append(_ glyphs: some Sequence<Glyph>, _ style: Style = .plain) {
    for glyph in glyphs { append(Cell(glyph: glyph, style: style)) }
  }

  package mutating func append(_ row: Row) {
    cells += row.cells
    columns += row.columns
  }

  private mutating func append(_ cell: Cell) {
    guard cell.glyph.columns > 0 else { return }
    cells.append(cell)
    columns += cell.glyph.columns
  }

  /// Goes on with spaces up to a column.
  package mutating func fill(to column: Int, _ style: Style = .plain) {
    while columns < column { append(Cell(glyph: .space, style: style)) }
  }

  /// What fits, and a last column of its own for the glyph that would stand on the edge.
  package func cut(to limit: Int) -> Row {
    guard columns > limit else { return self }
    var row = Row()
    for cell in cells {
      guard row.columns + cell.glyph.columns <= limit else { break }
      row.append(cell)
    }
    return row
  }
}

package struct Position: Equatable, Sendable {
  package var row: Int
  package var column: Int

  package init(row: Int, column: Int) { (self.row, self.column) = (row, column) }
}

/// How many columns and rows there are; one of each at least, whatever a terminal says.
package struct ScreenSize: Equatable, Sendable {
  package let columns: Int
  package let rows: Int

  package init(columns: Int, rows: Int) {
    self.columns = max(1, columns)
    self.rows = max(1, rows)
  }
}

/// A whole screen: as many rows as it has, none longer than it.
package struct Frame: Equatable, Sendable {
  package let size: ScreenSize
  package let rows: [Row]
  /// Where the cursor stands, if one sees it.
  package let cursor: Position?

  package init(size: ScreenSize, rows: [Row], cursor: Position?) {
    self.size = size
    let shown = rows.prefix(size.rows).map { $0.cut(to: size.columns) }
    self.rows = shown + Array(repeating: Row(), count: size.rows - shown.count)
    self.cursor = cursor.map { Position(row: min($0.row, size.rows - 1), column: min($0.column, size.columns - 1)) }
  }
}
