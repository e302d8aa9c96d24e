/// How one message becomes rows.
///
///     12:04  Anna  A text that is longer than
///                  its row goes on below it.
///     12:05  you   Mine end in their state. ✓✓
///
/// In a narrow window the columns in front of the text are given to the text:
///
///     12:04 Anna A text that is
///       longer than its row.
package struct MessageLayout: Equatable {
  package let columns: Int
  /// Columns of the names.
  package let nameColumns: Int
  private let today: Moment

  package init(columns: Int, longestName: Int, now: Moment) {
    (self.columns, today) = (columns, now.startOfDay)
    let share = columns / (columns >= ChatLimits.alignedColumns ? 6 : 4)
    nameColumns = max(1, min(longestName, ChatLimits.nameColumns, share))
  }

  package static let you = "you"
  private var isAligned: Bool { columns >= ChatLimits.alignedColumns }
  /// Columns in front of a row that continues a message.
  private var indent: Int { isAligned ? 7 + nameColumns + 2 : columns >= 8 ? 2 : 0 }

  /// The rows of a message, and before them what separates it from the one before.
  package func rows(of line: ChatLine, after previous: ChatLine?, isFirstNew: Bool) -> [Row] {
    var rows: [Row] = []
    if previous?.time.day != line.time.day {
      rows.append(Self.separator(line.time.dayTitle(now: today), .dim, columns: columns))
    }
    if isFirstNew {
      rows.append(Self.separator("new", Style(isBold: true, color: .yellow), columns: columns))
    }
    let isGrouped = previous.map { belongs(line, to: $0) && !isFirstNew } ?? false
    return rows + messageRows(line, isGrouped: isGrouped)
  }

  /// `── title ──`
  package static func separator(_ title: String, _ style: Style, columns: Int) -> Row {
    Row(columns < 12 ? title : "── \(title) ──", style).cut(to: columns)
  }

  private func belongs(_ line: ChatLine, to previous: ChatLine) -> Bool {
    let between = line.time.milliseconds.subtractingReportingOverflow(previous.time.milliseconds)
    return previous.author == line.author && previous.time.day == line.time.day && !between.overflow
      && between.partialValue <= ChatLimits.groupMilliseconds
  }

  private func messageRows(_ line: ChatLine, isGrouped: Bool) -> [Row] {
    let lead = lead(line, isGrouped: isGrouped)
    var paragraphs = paragraphs(line, room: max(1, columns - indent - (isAligned ? 0 : lead.columns)))
    if !isAligned { paragraphs[0] = lead.cells + paragraphs[0] }
    paragraphs[paragraphs.count - 1] += marks(line)
    let margin = Row(String(repeating: " ", count: indent))
    var rows: [Row] = []
    for cells in paragraphs {
      let isFirst = rows.isEmpty && !isAligned
      for range in TextWrap.ranges(cells.map(\.glyph), first: isFirst ? columns : nil, columns: columns - indent) {
        guard rows.count < ChatLimits.messageRows else { return rows + [Row("… and more that is not shown", .dim)] }
        var row = rows.isEmpty ? (isAligned ? lead : Row()) : margin
        row.append(Row(cells[range]))
        rows.append(row.cut(to: columns))
      }
    }
    return rows
  }

  /// What stands before the text: the time, and the name unless it stands above already.
  private func lead(_ line: ChatLine, isGrouped: Bool) -> Row {
    var row = Row(line.time.clock, .dim)
    let name = (line.author ?? Self.you).glyphs.cut(to: nameColumns)
    let style = line.author == nil ? Style.bold : Style(isBold: true, color: .cyan)
    if isAligned {
      row.fill(to: 7)
      if !isGrouped { row.append(name, style) }
      row.fill(to: indent)
      return row
    }
    if columns < 16 { row = Row() }
    if !isGrouped {
      row.fill(to: row.columns == 0 ? 0 : 6)
      row.append(name, style)
    }
    row.fill(to: row.columns == 0 ? 0 : row.columns + 1)
    return row
  }

  /// The quoted text, the attachment and the text, each on lines of its own; one at least.
  private func paragraphs(_ line: ChatLine, room: Int) -> [[Cell]] {
    var found: [[Cell]] = []
    if let quoted = line.quoted {
      found.append(("│ ".glyphs + quoted.glyphs).cut(to: room).map { Cell(glyph: $0, style: .dim) })
    }
    if let attachment = line.attachment {
      found.append("[\(attachment)]".glyphs.map { Cell(glyph: $0.fitting(room), style: .bold) })
    }
    var text = line.text[...]
    while text.last?.isLineEnd == true { text.removeLast() }
    if !text.isEmpty {
      found += TextWrap.paragraphs(String(text), columns: max(1, columns - indent)).map { glyphs in
        glyphs.map { Cell(glyph: $0, style: .plain) }
      }
    }
    return found.isEmpty ? [[]] : found
  }

  /// What stands behind the text: whether it disappears, and what has become of it.
  private func marks(_ line: ChatLine) -> [Cell] {
    var cells: [Cell] = []
    if line.expires { cells += mark("◷", .dim) }
    if line.author == nil { cells += stateMark(line.state) }
    return cells
  }

  private func stateMark(_ state: ChatState) -> [Cell] {
    switch state {
    case .queued: mark("…", .dim)
    case .sentNotConfirmed: mark("✓?", .dim)
    case .sent: mark("✓", .dim)
    case .delivered: mark("✓✓", .dim)
    case .read: mark("✓✓ read", Style(color: .green))
    case .failed(let reason):
      // It may be long, and is read like text.
      [Cell(glyph: .space, style: .plain)]
        + "! failed: \(reason)".glyphs.map { Cell(glyph: $0, style: Style(isBold: true, color: .red)) }
    }
  }

  private func mark(_ text: String, _ style: Style) -> [Cell] {
    [Cell(glyph: .space, style: .plain)] + text.glyphs.map { Cell(glyph: $0.isSpace ? .tie : $0, style: style) }
  }
}
