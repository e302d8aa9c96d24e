/// The bounds of the screen, each with its reason.
package enum ChatLimits {
  /// Bytes of a message that is being written: what still fits into one envelope, with room for what goes around it.
  package static let draftBytes = 48 * 1024

  /// Bytes of one paste: more could not be sent as one message anyway.
  package static let pasteBytes = draftBytes

  /// Silences, each as long as the one that makes an ESC the key Escape, after which a paste that has not ended is given
  /// as far as it has come: its end may have been lost on the way.
  package static let pasteSilences = 20

  /// Bytes of a control sequence that are kept: no key has as many, and a stranger's may never end.
  package static let sequenceBytes = 32

  /// Scalars of one cluster that are painted: a family of four with skin tones has 11, a letter buried under marks has
  /// hundreds, which bury its neighbours too.
  package static let glyphScalars = 16

  /// Rows that the composing area grows to; then it scrolls, so that one sees what one answers.
  package static let composingRows = 5

  /// Milliseconds within which messages of one author stand under one name.
  package static let groupMilliseconds: UInt64 = 5 * 60 * 1000

  /// Rows of one message: the longest text has fewer even in a narrow window, and whoever sends nothing but newlines must
  /// not bury the others.
  package static let messageRows = 4000

  /// Columns of a tab: enough to see that code is indented, little enough for a narrow window.
  package static let tabColumns = 4

  /// Columns from which names have a column of their own; below, every column is needed for text.
  package static let alignedColumns = 36

  /// Columns of the longest name that a message shows; the header has the whole of it.
  package static let nameColumns = 16

  /// Rows of a warning: it must be seen, and must not push the conversation away.
  package static let warningRows = 2

  /// Bytes taken from the terminal at once: a paste comes in pieces of 4 KiB at most on Linux.
  package static let readBytes = 16 * 1024
}
