/// One message, as the screen shows it.
package struct ChatLine: Equatable, Sendable {
  package let id: String
  /// What the author is called; nil for whoever sits here.
  package let author: String?
  package var text: String
  package let time: Moment
  /// What has become of it; of one's own messages only.
  package var state: ChatState
  package var isUnread = false
  /// What it answers.
  package var quoted: String?
  /// Whether it disappears after a while.
  package var expires = false
  /// What an attached file is called, with its size.
  package var attachment: String?

  package init(
    id: String, author: String?, text: String, time: Moment, state: ChatState, isUnread: Bool = false,
    quoted: String? = nil, expires: Bool = false, attachment: String? = nil
  ) {
    self.id = id
    self.author = author
    self.text = text
    self.time = time
    self.state = state
    self.isUnread = isUnread
    self.quoted = quoted
    self.expires = expires
    self.attachment = attachment
  }
}

package enum ChatState: Equatable, Sendable {
  case queued
  /// It left, and the connection broke before the relay said that it has it.
  case sentNotConfirmed
  case sent, delivered, read
  case failed(String)
}

/// Who is on the other side.
package struct ChatHeader: Equatable, Sendable {
  package var name: String
  package var isVerified = false
  /// What must be seen before the next message is written.
  package var warning: String?
  /// Whether somebody writes who is no contact yet.
  package var isRequest = false

  package init(name: String, isVerified: Bool = false, warning: String? = nil, isRequest: Bool = false) {
    self.name = name
    self.isVerified = isVerified
    self.warning = warning
    self.isRequest = isRequest
  }
}

/// What the screen wants done.
package enum ChatAction: Equatable, Sendable {
  /// What was composed, as it was typed; commands are in it too.
  case send(String)
  /// The oldest message is on the screen and somebody wants to go on.
  case loadOlder
  /// To the list of conversations, if there is one.
  case back
  case quit, suspend, redraw
}
