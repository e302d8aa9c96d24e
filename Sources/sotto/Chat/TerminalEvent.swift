/// What the terminal and the system say to whoever shows a screen.
package enum TerminalEvent: Equatable, Sendable {
  /// All that came at once: paint after the last one only.
  case keys([Key])
  case resized(ScreenSize)
  /// The terminal was somebody else's in between: nothing of what was painted is there.
  case resumed(ScreenSize)
  /// The last event. The terminal is as it was before already.
  case ended(TerminalEnd)
}

package enum TerminalEnd: Equatable, Sendable {
  /// The number of a signal that asked the program to end.
  case signal(Int32)
  /// The window was closed, or the line is broken.
  case hangup

  /// What a shell expects of a program that ends for this reason.
  package var exitStatus: Int32 {
    switch self {
    case .signal(let number): 128 + number
    case .hangup: 129
    }
  }
}

package enum TerminalError: Error, Equatable {
  /// There is no terminal to show a screen on.
  case noTerminal
  /// A terminal that knows no sequences: TERM is missing or "dumb".
  case dumbTerminal
}
