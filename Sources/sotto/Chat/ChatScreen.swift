/// One conversation on the whole screen: lines, keys and sizes in, frames and wishes out.
///
///     header                                 reverse, with the status at its right
///     warning                                if it has no room in the header
///     messages                               newest at the bottom; `scroll` says which part
///     notices                                answers to commands, until Escape or the next message
///     ──────────────────── ↓ 3 new ──        what is below, if somebody scrolled up
///     > composing
///
/// Nothing here reads a clock, waits or writes. The shell hands in what happens, does what `handle` returns, and paints
/// `rendered()`.
package struct ChatScreen {
  package var header: ChatHeader {
    didSet {
      guard header != oldValue else { return }
      wrap()
      clampScroll()
    }
  }
  /// How the network is: "online", "offline, retrying", "queued 2".
  package var status = ""
  /// What an empty composing line says.
  package var placeholder = ""
  /// Separators name the year when it is another.
  package var now: Moment { didSet { if now.day != oldValue.day { wrap() } } }
  package private(set) var size: ScreenSize

  package private(set) var lines: [ChatLine] = []
  /// Whether there are older messages than these.
  package private(set) var hasOlder = false
  package private(set) var isLoadingOlder = false
  package private(set) var notices: [String] = []
  package private(set) var isFocused = true
  package var editor = LineEditor()
  package var scroll = ChatScroll()
  /// The first message that was unread when it came. It stays where it is although reading makes it read, until
  /// something is sent.
  private var firstNew: String? { didSet { if firstNew != oldValue { wrap() } } }
  /// Whether there were lines before, if only none: then what comes is new to nobody who looks.
  private var isShown = false
  package private(set) var blocks = MessageBlocks()

  package init(header: ChatHeader, size: ScreenSize, now: Moment) {
    (self.header, self.size, self.now) = (header, size, now)
  }

  private mutating func wrap() { blocks.update(lines, firstNew: firstNew, messageLayout) }

  // MARK: What the shell tells

  package mutating func resize(to size: ScreenSize) {
    self.size = size
    wrap()
    clampScroll()
  }

  /// All lines anew, oldest first. What is on the screen stays there if somebody has scrolled up.
  package mutating func show(_ lines: [ChatLine], hasOlder: Bool = false) {
    let isFirst = !isShown
    let known = Set(self.lines.map(\.id))
    scroll.follow(from: self.lines, to: lines)
    self.lines = lines
    (self.hasOlder, isLoadingOlder, isShown) = (hasOlder, false, true)
    markNew(isFirst: isFirst, known: known)
    wrap()
    clampScroll()
  }

  /// One line that is new or has changed.
  package mutating func put(_ line: ChatLine) {
    var lines = lines
    if let index = lines.lastIndex(where: { $0.id == line.id }) { lines[index] = line } else { lines.append(line) }
    show(lines, hasOlder: hasOlder)
  }

  /// Something to read above the composing line, until it is dismissed.
  package mutating func notify(_ text: String) {
    if notices.last != text { notices.append(text) }
    clampScroll()
  }

  package mutating func clearNotices() { notices = [] }

  /// The messages on the screen that are unread; none while the window is not looked at.
  package var unreadOnScreen: [String] {
    guard isFocused else { return [] }
    return visibleLines.filter(\.isUnread).map(\.id)
  }

  /// What came while nobody looked gets a separator; what comes while somebody reads along needs none.
  private mutating func markNew(isFirst: Bool, known: Set<String>) {
    if let id = firstNew, !lines.contains(where: { $0.id == id }) { firstNew = nil }
    guard firstNew == nil, isFirst || !isFocused || !scroll.isAtBottom else { return }
    firstNew = lines.first { $0.isUnread && !known.contains($0.id) }?.id
  }

  // MARK: Keys

  package mutating func handle(_ key: Key) -> ChatAction? {
    switch key {
    case .enter: return send()
    case .escape: return escape()
    case .pageUp: return scrollUp(by: max(1, geometry.messageRows - 1))
    case .pageDown: scrollDown(by: max(1, geometry.messageRows - 1))
    case .up: if !editor.moveUp(columns: textColumns) { return scrollUp(by: 1) }
    case .down: if !editor.moveDown(columns: textColumns) { scrollDown(by: 1) }
    case .focusIn: isFocused = true
    case .focusOut: isFocused = false
    case .control("c"): return interrupt()
    case .control("d") where editor.isEmpty: return .quit
    case .control("z"): return .suspend
    case .control("l"): return .redraw
    default:
      if !editor.apply(key) { notify("The message is full: the rest was left out.") }
    }
    clampScroll()
    return nil
  }

  private mutating func send() -> ChatAction? {
    guard editor.text.contains(where: { !$0.isWhitespace }) else { return nil }
    let text = editor.text
    editor = LineEditor()
    notices = []
    firstNew = nil
    scroll.toBottom()
    return .send(text)
  }

  /// Dismisses one thing at a time, and goes back when nothing is left to dismiss.
  private mutating func escape() -> ChatAction? {
    if !notices.isEmpty {
      notices = []
    } else if !scroll.isAtBottom {
      scroll.toBottom()
    } else if editor.isEmpty {
      return .back
    }
    return nil
  }

  /// As in a shell: the first ctrl-c gives up the line, and on an empty line it leaves.
  private mutating func interrupt() -> ChatAction? {
    guard !editor.isEmpty else { return .quit }
    editor.kill()
    notices = ["The draft is gone: ctrl-y brings it back, ctrl-c again quits."]
    return nil
  }

  /// - Returns: a wish for older messages, if these end here.
  package mutating func scrollUp(by rows: Int) -> ChatAction? {
    let moved = moveScroll(by: rows)
    guard !moved, hasOlder, !isLoadingOlder else { return nil }
    isLoadingOlder = true
    return .loadOlder
  }

  package mutating func scrollDown(by rows: Int) { _ = moveScroll(by: -rows) }
}

extension LineEditor {
  /// - Returns: false if there was no room for what was typed.
  fileprivate mutating func apply(_ key: Key) -> Bool {
    switch key {
    case .text(let text): return insert(text)
    case .paste(let text, let isCut): return insert(text) && !isCut
    case .newline: return insert("\n")
    case .control("y"): return yank()
    case .backspace: deleteBackward()
    case .delete, .control("d"): deleteForward()
    case .left, .control("b"): moveLeft()
    case .right, .control("f"): moveRight()
    case .home, .control("a"): moveToLineStart()
    case .end, .control("e"): moveToLineEnd()
    case .wordLeft, .alt("b"): moveWordLeft()
    case .wordRight, .alt("f"): moveWordRight()
    case .control("w"), .alternateBackspace: killWordBackward()
    case .alt("d"): killWordForward()
    case .control("u"): killToLineStart()
    case .control("k"): killToLineEnd()
    default: break
    }
    return true
  }
}
