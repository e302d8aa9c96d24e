/// A message that is being written.
///
/// The cursor is an offset into the UTF-8 and always stands between two clusters: what is typed may join the cluster before
/// it, so its place is looked up again after every change.
package struct LineEditor: Equatable, Sendable {
  package private(set) var text = ""
  package private(set) var cursor = 0
  /// What was removed last, for ctrl-y.
  private var killed = ""
  /// The column that moving up and down returns to behind a shorter line.
  private var goal: Int?

  package var isEmpty: Bool { text.isEmpty }

  package init(_ text: String = "") {
    _ = insert(text)
  }

  /// - Returns: false if not all of it had room.
  package mutating func insert(_ added: String) -> Bool {
    let clean = added.withoutControls
    var room = ChatLimits.draftBytes - text.utf8.count
    let kept = clean.prefix { character in
      room -= character.utf8.count
      return room >= 0
    }
    replace(cursor..<cursor, with: String(kept))
    return kept.utf8.count == clean.utf8.count
  }

  /// Empties the line; ctrl-y brings the text back.
  package mutating func kill() { kill(0..<text.utf8.count) }

  // MARK: Removing

  package mutating func deleteBackward() { replace(before(cursor)..<cursor, with: "") }
  package mutating func deleteForward() { replace(cursor..<after(cursor), with: "") }
  package mutating func killWordBackward() { kill(wordStart..<cursor) }
  package mutating func killWordForward() { kill(cursor..<wordEnd) }
  package mutating func killToLineStart() { kill(lineStart..<cursor) }
  /// At the end of a line it removes the newline, so that pressing it again goes on.
  package mutating func killToLineEnd() { kill(cursor..<(lineEnd == cursor ? after(cursor) : lineEnd)) }
  package mutating func yank() -> Bool { insert(killed) }

  private mutating func kill(_ range: Range<Int>) {
    guard !range.isEmpty else { return }
    killed = String(text[index(range.lowerBound)..<index(range.upperBound)])
    replace(range, with: "")
  }

  private mutating func replace(_ range: Range<Int>, with replacement: String) {
    text.replaceSubrange(index(range.lowerBound)..<index(range.upperBound), with: replacement)
    move(to: range.lowerBound + replacement.utf8.count)
  }

  // MARK: Moving

  package mutating func moveLeft() { move(to: before(cursor)) }
  package mutating func moveRight() { move(to: after(cursor)) }
  package mutating func moveToLineStart() { move(to: lineStart) }
  package mutating func moveToLineEnd() { move(to: lineEnd) }
  package mutating func moveWordLeft() { move(to: wordStart) }
  package mutating func moveWordRight() { move(to: wordEnd) }

  /// - Returns: false if there is no row above.
  package mutating func moveUp(columns: Int) -> Bool { moveVertically(by: -1, columns: columns) }
  /// - Returns: false if there is no row below.
  package mutating func moveDown(columns: Int) -> Bool { moveVertically(by: 1, columns: columns) }

  private mutating func moveVertically(by step: Int, columns: Int) -> Bool {
    let layout = EditorLayout(self, columns: columns)
    let row = layout.cursor.row + step
    guard layout.rows.indices.contains(row) else { return false }
    let column = goal ?? layout.cursor.column
    move(to: layout.offset(row: row, column: column))
    goal = column
    return true
  }

  private mutating func move(to offset: Int) {
    goal = nil
    var place = index(offset)
    // What was typed may have joined what stands behind the cursor.
    while place < text.endIndex, String.Index(place, within: text) == nil {
      place = text.unicodeScalars.index(after: place)
    }
    cursor = text.utf8.distance(from: text.startIndex, to: place)
  }

  // MARK: Places

  private func index(_ offset: Int) -> String.Index { text.utf8.index(text.startIndex, offsetBy: offset) }
  private func offset(_ index: String.Index) -> Int { text.utf8.distance(from: text.startIndex, to: index) }
  private func before(_ offset: Int) -> Int { offset == 0 ? 0 : self.offset(text.index(before: index(offset))) }
  private func after(_ offset: Int) -> Int {
    offset == text.utf8.count ? offset : self.offset(text.index(after: index(offset)))
  }

  private var lineStart: Int {
    text[..<index(cursor)].lastIndex(of: "\n").map { offset($0) + 1 } ?? 0
  }

  private var lineEnd: Int {
    text[index(cursor)...].firstIndex(of: "\n").map { offset($0) } ?? text.utf8.count
  }

  /// Where the word before the cursor begins: behind it there may be spaces and marks.
  private var wordStart: Int {
    let head = text[..<index(cursor)]
    let word = head.lastIndex(where: \.isWordPart) ?? head.startIndex
    return head[..<word].lastIndex { !$0.isWordPart }.map { offset(text.index(after: $0)) } ?? 0
  }

  private var wordEnd: Int {
    let tail = text[index(cursor)...]
    let word = tail.firstIndex(where: \.isWordPart) ?? tail.endIndex
    return offset(tail[word...].firstIndex { !$0.isWordPart } ?? tail.endIndex)
  }
}

extension Character {
  fileprivate var isWordPart: Bool { isLetter || isNumber || self == "_" || self == "'" || self == "’" }
}

extension String {
  /// What a message may consist of: control characters come with what is copied from terminals, and nobody means them.
  fileprivate var withoutControls: String {
    String(String.UnicodeScalarView(unicodeScalars.filter { $0 == "\n" || $0 == "\t" || !$0.isControl }))
  }
}
