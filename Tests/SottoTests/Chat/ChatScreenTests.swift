import Testing
import sotto

@Suite struct ChatScreenGoldenTests {
  static let sizes = [(80, 24), (40, 12), (20, 5)]

  @Test(arguments: sizes) func `A conversation`(columns: Int, rows: Int) throws {
    try Golden.expect(Samples.screen(columns, rows).rendered().golden, is: "chat-\(columns)x\(rows)")
  }

  @Test(arguments: sizes) func `Scrolled up, with a draft of many lines and a warning`(columns: Int, rows: Int) throws {
    var screen = Samples.screen(columns, rows)
    screen.header.warning = "Anna's key has changed: compare numbers with /verify before you write"
    screen.status = "offline, retrying"
    _ = screen.handle(.pageUp)
    screen.put(Samples.line("20", "Anna", "Are you still there?", 0))
    _ = screen.handle(.paste("A draft of more than one line:\n日本語\n\n- one\n- two\n- three\nand the end", isCut: false))
    try Golden.expect(screen.rendered().golden, is: "scrolled-\(columns)x\(rows)")
  }

  @Test(arguments: sizes) func `A stranger, and what a command says`(columns: Int, rows: Int) throws {
    var screen = ChatScreen(
      header: ChatHeader(name: "sotto:4f9k2mn8", isRequest: true), size: ScreenSize(columns: columns, rows: rows),
      now: Samples.now)
    screen.show([Samples.line("1", "sotto:4f9k2mn8", "Hello, Anna gave me your address.", 1)])
    screen.notify("This is somebody who is not among your contacts.\n  /accept  to answer\n  /block   to hear no more")
    screen.notify("Nothing that you type is sent before you accept.")
    try Golden.expect(screen.rendered().golden, is: "request-\(columns)x\(rows)")
  }

  @Test func `No messages`() throws {
    try Golden.expect(Samples.screen(40, 8, []).rendered().golden, is: "empty-40x8")
  }

  @Test func `The styles of a conversation`() throws {
    try Golden.expect(Samples.screen(80, 30).rendered().styles, is: "styles-80x30")
  }

  @Test func `The smallest windows`() throws {
    let sizes = [(1, 1), (2, 2), (5, 3), (8, 4), (12, 6), (16, 8), (35, 6)]
    let frames = sizes.map { columns, rows in
      var screen = Samples.screen(columns, rows)
      screen.type("ab 日本 cd")
      return "\(columns)x\(rows)\n\(screen.rendered().golden)"
    }
    try Golden.expect(frames.joined(separator: "\n"), is: "smallest")
  }
}

@Suite struct ChatScreenTests {
  @Test func `Enter sends what was typed, and empties the line`() {
    var screen = Samples.screen(40, 12)
    #expect(act(&screen, .enter) == nil)
    screen.type("  ")
    #expect(act(&screen, .enter) == nil)
    screen.type("/verify 日本\u{1b}")
    _ = screen.handle(.newline)
    screen.type("x")
    #expect(act(&screen, .enter) == .send("  /verify 日本\nx"))
    #expect(screen.editor.isEmpty)
  }

  @Test func `Keys become wishes`() {
    var screen = Samples.screen(40, 12)
    #expect(act(&screen, .control("z")) == .suspend)
    #expect(act(&screen, .control("l")) == .redraw)
    #expect(act(&screen, .control("d")) == .quit)
    #expect(act(&screen, .control("c")) == .quit)
    #expect(act(&screen, .escape) == .back)
  }

  @Test func `The first ctrl-c gives up the draft, and ctrl-y brings it back`() {
    var screen = Samples.screen(40, 12)
    screen.type("draft")
    #expect(act(&screen, .escape) == nil)
    #expect(act(&screen, .control("c")) == nil)
    #expect(screen.editor.isEmpty && !screen.notices.isEmpty)
    #expect(act(&screen, .control("y")) == nil)
    #expect(screen.editor.text == "draft")
  }

  @Test func `Escape dismisses one thing at a time`() {
    var screen = Samples.screen(40, 12)
    _ = screen.handle(.pageUp)
    screen.notify("said")
    #expect(act(&screen, .escape) == nil)
    #expect(screen.notices.isEmpty && !screen.scroll.isAtBottom)
    #expect(act(&screen, .escape) == nil)
    #expect(screen.scroll.isAtBottom)
    #expect(act(&screen, .escape) == .back)
  }

  @Test func `What was scrolled to stays, whatever comes`() {
    var screen = Samples.screen(60, 12, Samples.talk(40))
    _ = screen.handle(.pageUp)
    _ = screen.handle(.up)
    let before = screen.messageText
    screen.put(Samples.line("new-1", "Anna", "New", 0))
    screen.put(Samples.line("new-2", nil, "My own, from another device", 0))
    screen.put(Samples.line("new-3", "Anna", "Newer", 0))
    #expect(screen.messageText == before)
    #expect(screen.rendered().text[10].contains("↓ 2 new"))
    screen.show(Samples.talk(20, from: -20) + screen.lines)
    #expect(screen.messageText == before)
    screen.resize(to: ScreenSize(columns: 30, rows: 9))
    screen.resize(to: ScreenSize(columns: 60, rows: 12))
    #expect(screen.messageText == before)
    // Two that disappear, one of them the lowest on the screen.
    screen.show(screen.lines.filter { $0.id != "t30" && $0.id != "t31" })
    #expect(!screen.scroll.isAtBottom)
    _ = screen.handle(.pageDown)
    _ = screen.handle(.pageDown)
    _ = screen.handle(.pageDown)
    #expect(screen.scroll.isAtBottom)
    #expect(screen.messageText.last?.contains("Newer") == true)
  }

  @Test func `Scrolling ends where the messages end`() {
    var screen = Samples.screen(60, 12, Samples.talk(40))
    for _ in 0..<100 { _ = screen.handle(.up) }
    #expect(screen.messageText[0] == "── Saturday 28 November ──")
    #expect(screen.messageText[1].contains("number 0."))
    for _ in 0..<31 { _ = screen.handle(.down) }
    #expect(!screen.scroll.isAtBottom)
    for _ in 0..<200 { _ = screen.handle(.down) }
    #expect(screen.scroll.isAtBottom)
    var short = Samples.screen(60, 12, Samples.talk(3))
    _ = short.handle(.pageUp)
    #expect(short.scroll.isAtBottom)
  }

  @Test func `Rows that are scrolled by are all seen`() {
    var screen = Samples.screen(40, 9)
    var tall = screen
    tall.resize(to: ScreenSize(columns: 40, rows: 200))
    let all = tall.messageText.drop { $0.isEmpty }
    var seen = screen.messageText
    while !screen.messageText[0].hasPrefix("── Friday") {
      _ = screen.handle(.up)
      seen.insert(screen.messageText[0], at: 0)
      guard seen.count <= all.count else { break }
    }
    #expect(seen == Array(all))
  }

  @Test func `Older messages are asked for once`() {
    var screen = Samples.screen(60, 12, Samples.talk(20))
    screen.show(screen.lines, hasOlder: true)
    #expect(act(&screen, .pageUp) == nil)
    #expect(act(&screen, .pageUp) == nil)
    #expect(screen.messageText[0] == "── older messages: PgUp ──")
    let before = screen.messageText
    #expect(act(&screen, .pageUp) == .loadOlder)
    #expect(screen.messageText[0] == "── loading ──")
    #expect(act(&screen, .pageUp) == nil)
    screen.show(Samples.talk(20, from: -20) + screen.lines, hasOlder: false)
    #expect(screen.messageText.suffix(5) == before.suffix(5))
    #expect(act(&screen, .pageUp) == nil)
  }

  @Test func `Whoever reads along sees no separator; whoever was away does`() {
    func hasSeparator(_ screen: ChatScreen) -> Bool { screen.rendered().text.contains("── new ──") }
    func unread(_ id: String) -> ChatLine {
      var line = Samples.line(id, "Anna", "Something", 0)
      line.isUnread = true
      return line
    }
    var screen = Samples.screen(60, 12, Samples.talk(4))
    screen.put(unread("n1"))
    #expect(!hasSeparator(screen))
    _ = screen.handle(.focusOut)
    screen.put(unread("n2"))
    #expect(hasSeparator(screen))
    #expect(screen.unreadOnScreen == [])
    _ = screen.handle(.focusIn)
    #expect(screen.unreadOnScreen == ["n1", "n2"])
    var read = unread("n2")
    read.isUnread = false
    screen.put(read)
    #expect(hasSeparator(screen), "reading does not move what one reads")
    screen.type("answer")
    _ = screen.handle(.enter)
    #expect(!hasSeparator(screen))
  }

  @Test func `Only what is on the screen is read`() {
    let lines = Samples.talk(40).map { line in
      var line = line
      line.isUnread = line.author != nil
      return line
    }
    var screen = Samples.screen(60, 8, lines)
    #expect(screen.unreadOnScreen == ["t36", "t38"])
    screen.resize(to: ScreenSize(columns: 60, rows: 1))
    #expect(screen.unreadOnScreen == [])
  }

  @Test func `The composing area grows, then scrolls`() {
    var screen = Samples.screen(40, 20)
    for index in 1...8 {
      screen.type("line \(index)")
      #expect(screen.geometry.composingRows == min(index, ChatLimits.composingRows))
      _ = screen.handle(.newline)
    }
    let frame = screen.rendered()
    #expect(frame.text.suffix(5) == ["↑ line 5", "  line 6", "  line 7", "  line 8", ""])
    #expect(frame.cursor == Position(row: 19, column: 2))
  }

  @Test func `A flood of newlines is not endless`() {
    let flood = Samples.line("1", "Anna", String(repeating: "\n", count: 40_000) + "end", 2)
    let screen = Samples.screen(60, 12, [flood, Samples.line("2", "Anna", "after", 1)])
    #expect(screen.blocks[0].count == ChatLimits.messageRows + 2, "with the day and the end")
    #expect(screen.messageText.suffix(2) == ["… and more that is not shown", "13:03        after"])
    let long = Samples.line("1", "Anna", String(repeating: "word ", count: ChatLimits.draftBytes / 5), 2)
    #expect(Samples.screen(20, 12, [long]).blocks[0].count < ChatLimits.messageRows)
  }

  @Test func `The first message of all is new to nobody who looks`() {
    var screen = Samples.screen(60, 12, [])
    var line = Samples.line("1", "Anna", "Hello", 0)
    line.isUnread = true
    screen.put(line)
    #expect(!screen.rendered().text.contains("── new ──"))
    #expect(screen.unreadOnScreen == ["1"])
  }

  @Test func `A message that is too long says so`() {
    var screen = Samples.screen(40, 12)
    _ = screen.handle(.paste(String(repeating: "a", count: 60_000), isCut: false))
    #expect(screen.editor.text.utf8.count == ChatLimits.draftBytes)
    #expect(screen.notices.count == 1)
    screen.type("b")
    #expect(screen.notices.count == 1)
  }

  @Test(arguments: [20, 25, 30, 40, 60, 80, 120]) func `A warning is never hidden`(columns: Int) {
    for rows in 3...24 {
      var screen = Samples.screen(columns, rows)
      screen.header = ChatHeader(name: "Somebody with a long name", isVerified: true, warning: "key changed")
      screen.status = "offline, retrying"
      #expect(screen.rendered().text.joined().contains("! key"), "\(columns)x\(rows)")
    }
  }
}

/// `#expect` cannot look into what mutates.
private func act(_ screen: inout ChatScreen, _ key: Key) -> ChatAction? { screen.handle(key) }
