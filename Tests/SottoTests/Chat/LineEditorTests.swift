import Testing
import sotto

@Suite struct LineEditorTests {
  /// The text with `|` where the cursor is.
  private func shown(_ editor: LineEditor) -> String {
    let utf8 = Array(editor.text.utf8)
    return String(decoding: utf8[..<editor.cursor] + [UInt8(ascii: "|")] + utf8[editor.cursor...], as: UTF8.self)
  }

  private func editor(_ text: String) -> LineEditor {
    let parts = text.split(separator: "|", omittingEmptySubsequences: false)
    var editor = LineEditor(parts.joined())
    while editor.cursor > parts[0].utf8.count { editor.moveLeft() }
    return editor
  }

  @Test(arguments: [
    ("a|b", "X", "aX|b"), ("|", "日本", "日本|"), ("a|", "\u{1b}[31m\u{7}\tx\n", "a[31m\tx\n|"),
    ("e|", "\u{301}", "e\u{301}|"),
    ("👩|👧", "\u{200d}", "👩\u{200d}👧|"), ("🇫|x", "🇷", "🇫🇷|x"),
  ]) func `What is typed stands at the cursor`(before: String, typed: String, after: String) {
    var editor = editor(before)
    check(editor.insert(typed))
    #expect(shown(editor) == after)
  }

  @Test(arguments: [
    ("ab|", "a|"), ("|ab", "|ab"), ("ae\u{301}|", "a|"), ("👩‍👩‍👧|x", "|x"), ("a\n|b", "a|b"), ("🇫🇷🇩🇪|", "🇫🇷|"),
  ]) func `Backspace removes a cluster`(before: String, after: String) {
    var editor = editor(before)
    editor.deleteBackward()
    #expect(shown(editor) == after)
  }

  @Test func `Delete removes what stands behind the cursor`() {
    var editor = editor("a|👩‍👩‍👧b")
    editor.deleteForward()
    #expect(shown(editor) == "a|b")
    editor.deleteForward()
    editor.deleteForward()
    #expect(shown(editor) == "a|")
  }

  @Test func `Moving stays within lines and words`() {
    var editor = editor("one two\nthr|ee f'our")
    editor.moveToLineStart()
    #expect(shown(editor) == "one two\n|three f'our")
    editor.moveToLineEnd()
    #expect(shown(editor) == "one two\nthree f'our|")
    editor.moveWordLeft()
    #expect(shown(editor) == "one two\nthree |f'our")
    editor.moveWordLeft()
    editor.moveWordLeft()
    #expect(shown(editor) == "one |two\nthree f'our")
    editor.moveWordRight()
    #expect(shown(editor) == "one two|\nthree f'our")
    editor.moveRight()
    editor.moveWordRight()
    #expect(shown(editor) == "one two\nthree| f'our")
  }

  @Test func `What is killed can be yanked`() {
    var editor = editor("one two |three\nfour")
    editor.killWordBackward()
    #expect(shown(editor) == "one |three\nfour")
    check(editor.yank())
    #expect(shown(editor) == "one two |three\nfour")
    editor.killToLineEnd()
    #expect(shown(editor) == "one two |\nfour")
    editor.killToLineEnd()
    #expect(shown(editor) == "one two |four")
    editor.killToLineStart()
    #expect(shown(editor) == "|four")
    editor.killWordForward()
    #expect(shown(editor) == "|")
    editor.killToLineEnd()
    check(editor.yank())
    #expect(shown(editor) == "four|")
  }

  @Test func `Up and down keep the column`() {
    var editor = editor("a long line\nb\nanother li|ne")
    check(editor.moveUp(columns: 40))
    #expect(shown(editor) == "a long line\nb|\nanother line")
    check(editor.moveUp(columns: 40))
    #expect(shown(editor) == "a long lin|e\nb\nanother line")
    check(!editor.moveUp(columns: 40))
    check(editor.moveDown(columns: 40))
    check(editor.moveDown(columns: 40))
    #expect(shown(editor) == "a long line\nb\nanother li|ne")
    check(!editor.moveDown(columns: 40))
  }

  @Test func `Up and down go through wrapped rows`() {
    var editor = editor("abcdefgh|")
    #expect(EditorLayout(editor, columns: 5).cursor == Position(row: 1, column: 4))
    check(editor.moveUp(columns: 5))
    // Behind the d would be before the e, which stands in the row below.
    #expect(shown(editor) == "abc|defgh")
    check(editor.moveDown(columns: 5))
    #expect(shown(editor) == "abcdefgh|")
  }

  @Test(arguments: [
    ("|", 10, 0, 0, 1), ("abc|", 10, 0, 3, 1), ("abc|", 4, 0, 3, 1), ("abcd|", 4, 1, 1, 2), ("abc |", 4, 0, 3, 1),
    ("abc d|", 4, 1, 1, 2),
    ("日本|語", 10, 0, 4, 1), ("日本|語", 5, 1, 0, 2), ("a\n|", 10, 1, 0, 2), ("a\n|b", 10, 1, 0, 2), ("ab|", 1, 1, 0, 2),
    ("\t|x", 10, 0, 4, 1),
  ]) func `The cursor has a row and a column`(text: String, columns: Int, row: Int, column: Int, rows: Int) {
    let layout = EditorLayout(editor(text), columns: columns)
    #expect(layout.cursor == Position(row: row, column: column))
    #expect(layout.rows.count == rows)
  }

  @Test func `A message has a largest size, and is cut between clusters`() {
    var editor = LineEditor(String(repeating: "a", count: ChatLimits.draftBytes - 4))
    check(!editor.insert("日本"))
    #expect(editor.text.hasSuffix("a日"))
    check(editor.insert("b"))
    check(!editor.insert("c"))
    #expect(editor.text.utf8.count == ChatLimits.draftBytes)
  }

  @Test func `Any keys leave the cursor between two clusters`() {
    var generator = SeededGenerator(seed: 3)
    let pieces = [
      "a", " ", "日", "\u{301}", "\u{200d}", "👩", "🇫", "\n", "🏽", "क", "\u{94d}", "ᄒ", "\u{1161}", "\u{fe0f}",
    ]
    let steps: [(inout LineEditor) -> Void] = [
      { $0.moveLeft() }, { $0.moveRight() }, { $0.deleteBackward() }, { $0.deleteForward() }, { $0.moveWordLeft() },
      { $0.moveWordRight() }, { $0.killToLineEnd() }, { _ = $0.yank() }, { _ = $0.moveUp(columns: 4) },
      { _ = $0.moveDown(columns: 5) }, { $0.moveToLineStart() }, { $0.moveToLineEnd() }, { $0.killWordBackward() },
    ]
    var editor = LineEditor()
    for step in 0..<20_000 {
      if Int.random(in: 0..<2, using: &generator) == 0 {
        _ = editor.insert(pieces.randomElement(using: &generator)!)
      } else {
        steps.randomElement(using: &generator)!(&editor)
      }
      let place = editor.text.utf8.index(editor.text.startIndex, offsetBy: editor.cursor)
      #expect(String.Index(place, within: editor.text) != nil, "step \(step)")
      let layout = EditorLayout(editor, columns: 6)
      #expect(layout.rows.indices.contains(layout.cursor.row) && layout.cursor.column < 6, "step \(step)")
      if editor.text.utf8.count > 400 { editor.kill() }
    }
  }
}

/// `#expect` cannot look into what mutates.
private func check(_ isTrue: Bool, at place: SourceLocation = #_sourceLocation) {
  #expect(isTrue, sourceLocation: place)
}
