/// One conversation, as a list shows it.
package struct ConversationRow: Equatable, Sendable {
  package let id: String
  package var name: String
  package var isVerified = false
  package var isRequest = false
  /// Whether something must be seen before the next message is written.
  package var hasWarning = false
  package var unread = 0
  /// The last message, with whatever says whose it is.
  package var preview = ""
  package var time: Moment?

  package init(
    id: String, name: String, isVerified: Bool = false, isRequest: Bool = false, hasWarning: Bool = false,
    unread: Int = 0, preview: String = "", time: Moment? = nil
  ) {
    self.id = id
    self.name = name
    self.isVerified = isVerified
    self.isRequest = isRequest
    self.hasWarning = hasWarning
    self.unread = unread
    self.preview = preview
    self.time = time
  }
}

package enum ListAction: Equatable, Sendable {
  case open(String)
  case quit, suspend, redraw
}

/// The conversations to choose from, in the order in which they are handed in.
///
///      Conversations                                    online
///     > Anna ✓        2  See you at noon                   now
///       Bob              you: thanks                     5 min
///
///      Enter opens · / finds · q quits
package struct ConversationList {
  package var status = ""
  package var now: Moment
  package private(set) var size: ScreenSize
  package private(set) var conversations: [ConversationRow] = []
  /// Stays with its conversation when another one moves up.
  private var selectedID: String?
  /// What is searched for; nil while nobody searches.
  private var search: LineEditor?
  private var top = 0

  package init(size: ScreenSize, now: Moment) { (self.size, self.now) = (size, now) }

  package mutating func resize(to size: ScreenSize) {
    self.size = size
    keepSelectionVisible()
  }

  package mutating func show(_ conversations: [ConversationRow]) {
    let before = selection
    self.conversations = conversations
    if selectedID == nil || !conversations.contains(where: { $0.id == selectedID }) { select(before) }
    keepSelectionVisible()
  }

  package mutating func handle(_ key: Key) -> ListAction? {
    defer { keepSelectionVisible() }
    switch key {
    case .up, .control("p"), .backTab: select(selection - 1)
    case .down, .control("n"), .tab: select(selection + 1)
    case .pageUp: select(selection - max(1, listRows - 1))
    case .pageDown: select(selection + max(1, listRows - 1))
    case .home: select(0)
    case .end: select(found.count - 1)
    case .enter: return selected.map { .open($0.id) }
    case .control("c"): return .quit
    case .control("d") where search?.isEmpty != false: return .quit
    case .control("z"): return .suspend
    case .control("l"): return .redraw
    default: return search == nil ? command(key) : find(key)
    }
    return nil
  }

  private mutating func command(_ key: Key) -> ListAction? {
    switch key {
    case .text("q"), .escape: return .quit
    case .text("k"): select(selection - 1)
    case .text("j"): select(selection + 1)
    case .text("/"): search = LineEditor()
    default: break
    }
    return nil
  }

  private mutating func find(_ key: Key) -> ListAction? {
    switch key {
    case .escape: search = nil
    case .backspace where search?.isEmpty == true: search = nil
    case .backspace: search?.deleteBackward()
    case .control("u"), .control("w"): search?.kill()
    case .text(let text), .paste(let text, _): _ = search?.insert(text)
    default: return nil
    }
    if !found.contains(where: { $0.id == selectedID }) { select(0) }
    return nil
  }

  // MARK: Selection

  private var found: [ConversationRow] {
    guard let text = search?.text.lowercased(), !text.isEmpty else { return conversations }
    return conversations.filter { $0.name.lowercased().contains(text) }
  }

  package var selected: ConversationRow? { found.first { $0.id == selectedID } ?? found.first }

  private var selection: Int { found.firstIndex { $0.id == selectedID } ?? 0 }

  private mutating func select(_ index: Int) {
    let found = found
    guard !found.isEmpty else { return }
    selectedID = found[max(0, min(index, found.count - 1))].id
  }

  private var headerRows: Int { size.rows >= 2 ? 1 : 0 }
  private var footerRows: Int { size.rows >= 6 ? 2 : search != nil && size.rows >= 2 ? 1 : 0 }
  private var listRows: Int { size.rows - headerRows - footerRows }

  private mutating func keepSelectionVisible() {
    let last = max(0, found.count - listRows)
    top = max(0, min(max(top, selection - listRows + 1), selection, last))
  }

  // MARK: Frame

  package func rendered() -> Frame {
    var rows: [Row] = headerRows > 0 ? [header] : []
    rows += found.isEmpty ? emptyRows : found.dropFirst(top).prefix(listRows).map(row)
    rows = Array(rows.prefix(headerRows + listRows))
    rows += Array(repeating: Row(), count: headerRows + listRows - rows.count)
    if footerRows > 1 { rows.append(Row()) }
    if footerRows > 0 { rows.append(footer) }
    let cursor = search.map { _ in Position(row: size.rows - 1, column: footer.columns) }
    return Frame(size: size, rows: rows, cursor: footerRows > 0 ? cursor : nil)
  }

  private var header: Row {
    TitleBar(header: ChatHeader(name: "Conversations"), status: status).row(
      columns: size.columns, isWarningBelow: false)
  }

  private var footer: Row {
    guard let search else {
      return Row(conversations.isEmpty ? " q quits" : " Enter opens · / finds · q quits", .dim).cut(to: size.columns)
    }
    var row = Row(" / ", .bold)
    row.append(search.text)
    return row.cut(to: size.columns - 1)
  }

  private var emptyRows: [Row] {
    let text = search == nil ? "no conversations yet: sotto contact add ADDRESS --name NAME" : "nobody of that name"
    return TextWrap.lines(text, columns: size.columns).map { glyphs in
      var row = Row()
      row.append(glyphs, .dim)
      return row
    }
  }

  /// Columns of the names: what the longest needs, and a third of the window at most.
  private var nameColumns: Int {
    let longest = conversations.map { $0.name.glyphs.columns + tail($0).glyphs.columns }.max() ?? 0
    return min(longest, max(8, size.columns / 3))
  }

  private func tail(_ conversation: ConversationRow) -> String {
    (conversation.isVerified ? " ✓" : "") + (conversation.isRequest ? " (request)" : "")
  }

  /// The name is cut, and what is known about it is not.
  private func title(_ conversation: ConversationRow) -> [Glyph] {
    let tail = tail(conversation).glyphs
    return conversation.name.glyphs.cut(to: max(4, nameColumns - tail.columns)) + tail
  }

  private func row(_ conversation: ConversationRow) -> Row {
    let isSelected = conversation.id == selected?.id
    let unread = conversation.unread
    func style(_ color: Style.Color = .none, bold: Bool = false, dim: Bool = false) -> Style {
      Style(isBold: bold, isDim: dim && !isSelected, isReverse: isSelected, color: color)
    }
    var row = Row(isSelected ? "> " : "  ", style(bold: true))
    row.append(title(conversation), style(bold: unread > 0))
    row.fill(to: 2 + nameColumns, style())
    // The count stands at the right of three columns, so that counts stand under each other.
    let count = conversation.hasWarning ? "!" : unread > 99 ? "99+" : unread > 0 ? "\(unread)" : ""
    row.fill(to: row.columns + 4 - count.count, style())
    row.append(count, style(conversation.hasWarning ? .red : .yellow, bold: true))
    let age = conversation.time.map { "\($0.age(now: now)) " } ?? ""
    let room = size.columns - row.columns - age.count - 4
    if room >= 8 {
      row.fill(to: row.columns + 2, style())
      row.append(conversation.preview.glyphs.cut(to: room), style(dim: unread == 0))
    }
    if row.columns + age.count < size.columns {
      row.fill(to: size.columns - age.count, style())
      row.append(age, style(dim: true))
    }
    row.fill(to: size.columns, style())
    return row
  }
}
