import Testing
import sotto

/// Anything that can happen, in an order that nobody would think of.
struct RandomWalk {
  private(set) var screen = Samples.screen(60, 15)
  private(set) var list = ConversationList(size: ScreenSize(columns: 60, rows: 15), now: Samples.now)
  private var generator: SeededGenerator
  private var count = 0

  init(seed: UInt64) {
    generator = SeededGenerator(seed: seed)
    list.show(Samples.conversations)
  }

  private static let keys: [Key] = [
    .enter, .newline, .backspace, .delete, .tab, .backTab, .escape, .up, .down, .left, .right, .home, .end, .pageUp,
    .pageUp,
    .pageDown, .wordLeft, .wordRight, .alternateBackspace, .focusIn, .focusOut, .paste("a\n日本\n\n", isCut: false),
    .paste(String(repeating: "word 日本 ", count: 60), isCut: true), .control("a"), .control("e"), .control("k"),
    .control("u"),
    .control("w"), .control("y"), .control("c"), .control("d"), .control("l"), .alt("b"), .alt("f"), .alt("d"),
    .alt("x"),
    .text("/"), .text("q"),
  ]
  private static let pieces = [
    "a", "word ", "日本語", "。", "👩‍👩‍👧", "🇫🇷", "🇫", "\u{301}", "\u{200d}", "e\u{301}", "\t", "\u{202e}", "\u{fe0f}", "👍🏽", "क्षि",
    " ", "\u{2028}",
  ]

  private mutating func text() -> String {
    (0..<Int.random(in: 0...12, using: &generator)).map { _ in Self.pieces.randomElement(using: &generator)! }.joined()
  }

  mutating func step() {
    switch Int.random(in: 0..<20, using: &generator) {
    case 0:
      let size = ScreenSize(
        columns: Int.random(in: 0...90, using: &generator), rows: Int.random(in: 0...26, using: &generator))
      screen.resize(to: size)
      list.resize(to: size)
    case 1...2: receive()
    case 3: change()
    case 4: screen.notify(text())
    case 5: screen.header.warning = Bool.random(using: &generator) ? text() : nil
    case 6:
      list.show(Samples.conversations.shuffled(using: &generator).dropLast(Int.random(in: 0...5, using: &generator)))
    case 7...12:
      let typed = Key.text(text())
      _ = screen.handle(typed)
      _ = list.handle(typed)
    default:
      let key = Self.keys.randomElement(using: &generator)!
      if case .send(let sent) = screen.handle(key) {
        screen.put(Samples.line("sent-\(count)", nil, sent, 0, .queued))
      }
      _ = list.handle(key)
    }
  }

  private mutating func receive() {
    count += 1
    var line = Samples.line("r-\(count)", "Anna\u{1b}", text() + "\n" + text(), 0)
    line.isUnread = Bool.random(using: &generator)
    line.quoted = Bool.random(using: &generator) ? text() : nil
    line.attachment = Bool.random(using: &generator) ? text() : nil
    screen.put(line)
  }

  /// Messages disappear, change, and older ones come.
  private mutating func change() {
    // Bounded, so that the ten thousand steps take seconds.
    var lines = Array(screen.lines.suffix(40))
    switch Int.random(in: 0..<3, using: &generator) {
    case 0: lines = lines.filter { _ in Int.random(in: 0..<4, using: &generator) > 0 }
    case 1:
      for index in lines.indices where Bool.random(using: &generator) { lines[index].state = .failed(text()) }
    default:
      count += 1
      lines.insert(Samples.line("o-\(count)", nil, text(), 5000, .delivered), at: 0)
    }
    screen.show(lines, hasOlder: Bool.random(using: &generator))
  }
}

@Suite struct RandomTests {
  @Test(arguments: [11, 12, 13]) func `Ten thousand keys and sizes leave a screen`(seed: UInt64) {
    var walk = RandomWalk(seed: seed)
    for step in 0..<10_000 {
      walk.step()
      for frame in [walk.screen.rendered(), walk.list.rendered()] {
        guard frame.rows.count == frame.size.rows, frame.rows.allSatisfy({ $0.columns <= frame.size.columns }) else {
          Issue.record("a frame of another size at step \(step)")
          return
        }
        if let cursor = frame.cursor {
          #expect(cursor.row < frame.size.rows && cursor.column < frame.size.columns, "step \(step)")
        }
      }
      _ = walk.screen.unreadOnScreen
      guard step % 50 == 0 else { continue }
      // What was kept is what would be made now: a screen that sees it all for the first time says the same.
      var fresh = walk.screen
      let size = fresh.size
      fresh.resize(to: ScreenSize(columns: size.columns + 1, rows: size.rows))
      fresh.resize(to: size)
      for index in fresh.lines.indices { #expect(walk.screen.blocks[index] == fresh.blocks[index], "step \(step)") }
    }
  }
}
