/// How many rows each part of the screen has. A small window keeps what one cannot do without: the composing line, then a
/// message, then who it is from.
package struct ChatGeometry: Equatable {
  package let headerRows: Int
  package let warningRows: Int
  package let messageRows: Int
  package let noticeRows: Int
  package let ruleRows: Int
  package let composingRows: Int

  package init(rows: Int, composing: Int, warning: Int, notices: Int) {
    composingRows = max(1, min(composing, ChatLimits.composingRows, rows / 3))
    headerRows = rows >= 3 ? 1 : 0
    ruleRows = rows >= 4 ? 1 : 0
    warningRows = rows >= 5 ? min(warning, rows >= 10 ? ChatLimits.warningRows : 1) : 0
    let rest = rows - composingRows - headerRows - ruleRows - warningRows
    noticeRows = max(0, min(notices, rest - 1))
    messageRows = max(0, rest - noticeRows)
  }
}

extension ChatScreen {
  private static let prompt = "> "

  /// Columns that the prompt leaves for what is composed.
  package var textColumns: Int { size.columns - (size.columns >= 8 ? Self.prompt.count : 0) }

  package var geometry: ChatGeometry { geometry(EditorLayout(editor, columns: textColumns)) }

  private func geometry(_ editing: EditorLayout) -> ChatGeometry {
    ChatGeometry(
      rows: size.rows, composing: editing.rows.count, warning: bar.warningRows(columns: size.columns).count,
      notices: noticeRows.count)
  }

  /// The messages of which something is on the screen.
  package var visibleLines: ArraySlice<ChatLine> {
    let height = geometry.messageRows
    guard !lines.isEmpty, height > 0 else { return [] }
    let (last, below) = lowest
    var (first, count) = (last, rows(at: last).count - below)
    while count < height, first > 0 {
      first -= 1
      count += rows(at: first).count
    }
    return lines[first...last]
  }

  package func rendered() -> Frame {
    let editing = EditorLayout(editor, columns: textColumns)
    let geometry = geometry(editing)
    var rows: [Row] = []
    if geometry.headerRows > 0 { rows.append(bar.row(columns: size.columns, isWarningBelow: geometry.warningRows > 0)) }
    rows += bar.warningRows(columns: size.columns).prefix(geometry.warningRows)
    rows += messages(height: geometry.messageRows)
    rows += shownNotices(geometry.noticeRows)
    if geometry.ruleRows > 0 { rows.append(rule) }
    let first = min(
      max(0, editing.cursor.row - geometry.composingRows + 1), editing.rows.count - geometry.composingRows)
    let cursor = Position(
      row: rows.count + editing.cursor.row - first, column: size.columns - textColumns + editing.cursor.column)
    for row in first..<(first + geometry.composingRows) {
      rows.append(composing(editing, row, isFirst: row == first))
    }
    return Frame(size: size, rows: rows, cursor: cursor)
  }

  private var bar: TitleBar { TitleBar(header: header, status: status) }

  private func composing(_ editing: EditorLayout, _ row: Int, isFirst: Bool) -> Row {
    let margin = size.columns - textColumns
    // The prompt, or in its place that there is more above.
    let lead = row == 0 ? Self.prompt : isFirst ? "↑ " : ""
    var line = Row(margin > 0 ? lead : "", .bold)
    line.fill(to: margin)
    line.append(editing.visible(row))
    if editor.isEmpty { line.append(placeholder.glyphs.cut(to: max(0, textColumns - 1)), .dim) }
    return line
  }

  /// The line between reading and writing; it says if there is more below.
  private var rule: Row {
    let unseen = scroll.unseen(in: lines)
    let hint = scroll.isAtBottom ? "" : unseen > 0 ? " ↓ \(unseen) new " : " ↓ more "
    let room = size.columns - hint.glyphs.columns - 2
    guard room >= 0 else { return Row(hint, .bold).cut(to: size.columns) }
    var row = Row(String(repeating: "─", count: room), .dim)
    row.append(hint, unseen > 0 ? Style(isBold: true, color: .yellow) : .bold)
    row.append("──", .dim)
    return row
  }

  private func messages(height: Int) -> [Row] {
    guard height > 0 else { return [] }
    guard !lines.isEmpty else { return emptyConversation(height) }
    var (index, below) = lowest
    var rows: [Row] = []
    while index >= 0, rows.count < height {
      let block = self.rows(at: index).dropLast(below).suffix(height - rows.count)
      rows = block + rows
      (index, below) = (index - 1, 0)
    }
    return Array(repeating: Row(), count: height - rows.count) + rows
  }

  private func emptyConversation(_ height: Int) -> [Row] {
    let text = TextWrap.lines("No messages yet. What you write here is end-to-end encrypted.", columns: size.columns)
    let rows = text.suffix(height).map { glyphs in
      var row = Row()
      row.append(glyphs, .dim)
      return row
    }
    return Array(repeating: Row(), count: height - rows.count) + rows
  }

  private var noticeRows: [Row] {
    notices.flatMap { notice in
      TextWrap.lines(notice, columns: size.columns - 2).enumerated().map { index, glyphs in
        var row = Row(index == 0 ? "· " : "  ", .dim)
        row.append(glyphs, Style(color: .cyan))
        return row
      }
    }
  }

  private func shownNotices(_ count: Int) -> [Row] {
    let rows = noticeRows
    guard rows.count > count, count > 1 else { return Array(rows.suffix(count)) }
    return rows.prefix(count - 1) + [Row("… Escape closes this", .dim)]
  }
}
