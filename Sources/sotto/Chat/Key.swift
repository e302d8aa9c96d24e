/// What somebody did at the keyboard.
package enum Key: Equatable, Sendable {
  /// What was typed; several characters if they came together, and perhaps only a part of a cluster.
  case text(String)
  /// What was pasted, with its newlines as LF; `isCut` if there was more than can be kept.
  case paste(String, isCut: Bool)
  case enter
  /// A new line within the message: Alt-Enter, Shift-Enter where the terminal tells it apart, or ctrl-j.
  case newline
  case backspace, delete, tab, backTab, escape
  case up, down, left, right, home, end, pageUp, pageDown
  case wordLeft, wordRight
  case control(Character)
  case alt(Character)
  case alternateBackspace
  /// The window was entered or left; only terminals that were asked and know how say so.
  case focusIn, focusOut
}
