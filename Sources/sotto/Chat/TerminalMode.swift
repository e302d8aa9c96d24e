internal import Foundation

/// How a terminal treats what is typed, and how it did before.
package struct TerminalMode: Sendable {
  private let saved: termios

  /// nil if it is no terminal.
  package init?(of descriptor: Int32) {
    var mode = termios()
    guard unsafe tcgetattr(descriptor, &mode) == 0 else { return nil }
    saved = mode
  }

  /// Every byte at once, unchanged and not shown; ctrl-c and ctrl-z are keys.
  package func setRaw(_ descriptor: Int32) {
    var raw = saved
    unsafe cfmakeraw(&raw)
    _ = unsafe tcsetattr(descriptor, TCSADRAIN, &raw)
  }

  /// As it was. What was typed and not read is dropped: the rest of a paste would be commands to the shell.
  package func restore(_ descriptor: Int32) {
    var mode = saved
    _ = unsafe tcsetattr(descriptor, TCSAFLUSH, &mode)
  }

  /// A copy that a signal handler can use: it may not touch what Swift manages.
  func pinned() -> UnsafeMutablePointer<termios> {
    let pointer = UnsafeMutablePointer<termios>.allocate(capacity: 1)
    unsafe pointer.initialize(to: saved)
    return unsafe pointer
  }
}

/// What takes a terminal over and gives it back.
package enum TerminalSequences {
  /// The alternate screen, no wrapping at the edge, pastes marked, focus told.
  package static let enter = "\u{1b}[?1049h\u{1b}[?7l\u{1b}[?2004h\u{1b}[?1004h\u{1b}[m"

  /// Rows are erased one by one before the old screen comes back: some terminals keep an alternate screen where others
  /// can look at it, some have none, and some move into the scrollback what is cleared as a whole.
  package static func leave(rows: Int) -> String {
    let erased = (1...rows).map { "\u{1b}[\($0);1H\u{1b}[2K" }.joined()
    return "\u{1b}[?2026l\u{1b}[m" + erased + "\u{1b}[H" + end
  }

  /// Without knowing how many rows there are.
  package static let crashed = "\u{1b}[?2026l\u{1b}[m\u{1b}[H\u{1b}[J" + end

  private static let end = "\u{1b}[?1004l\u{1b}[?2004l\u{1b}[?7h\u{1b}[?25h\u{1b}[?1049l"
}
