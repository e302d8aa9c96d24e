internal import SottoCrypto
internal import SottoSession
internal import SottoWire

public import struct Foundation.Date

/// A message of a conversation, as it stands in the history.
public struct HistoryMessage: Sendable, Equatable {
  /// Who wrote it.
  public enum Author: Sendable, Equatable {
    case me
    case them
    /// Nobody: the client says that something has changed.
    case notice
  }

  /// 32 hexadecimal digits.
  public let id: String
  /// The contact's name, or the address of somebody without one.
  public let contact: String
  public let author: Author
  /// May be empty when there is a file.
  public let text: String
  public let file: AttachedFile?
  /// When it was written, by its author's clock.
  public let sentAt: Date
  /// When it was written or received here.
  public let recordedAt: Date
  /// How far a message of ours has come; `received` for all others.
  public let state: State
  /// The text of the message that it answers, as far as that is still here.
  public let answeredText: String?
  /// The id of the message that it answers: 32 hexadecimal digits.
  public let answers: String?
  /// How long it is kept after it was sent or read, in seconds; nil: until it is deleted.
  public let disappearsAfter: Int?
  /// Whether it has not been shown before.
  public let isUnread: Bool

  /// How far a message has come. Raw values stand in JSON output.
  public enum State: String, Sendable {
    case received
    /// It waits; the next send or receive tries again.
    case queued
    /// The relay has stored it; the recipient has not answered in the session that it begins.
    case unconfirmed
    /// The relay has stored it.
    case sent
    /// A device of the recipient's has it.
    case delivered
    /// It was shown to the recipient.
    case read
    /// It could not be delivered.
    case failed
  }

  init(_ message: StoredMessage, with contact: Contact, answered: StoredMessage?, isUnread: Bool) {
    id = Hex.encode(message.id.bytes)
    self.contact = contact.title
    author =
      switch message.direction {
      case .incoming: .them
      case .outgoing: .me
      case .notice: .notice
      }
    text = message.text
    file = AttachedFile(message.attachment)
    sentAt = Date(timeIntervalSince1970: Double(message.sentAt) / 1000)
    recordedAt = Date(timeIntervalSince1970: Double(message.recordedAt) / 1000)
    state = State(message.state)
    answers = message.answers.map { Hex.encode($0.id.bytes) }
    answeredText = answered.map { $0.text.isEmpty ? $0.attachment?.name.text ?? "" : $0.text }
    disappearsAfter = message.timer == 0 ? nil : Int(message.timer)
    self.isUnread = isUnread
  }
}

extension HistoryMessage.State {
  init(_ state: StoredMessage.State) {
    self =
      switch state {
      case .received: .received
      case .queued: .queued
      case .unconfirmed: .unconfirmed
      case .sent: .sent
      case .failed: .failed
      case .delivered: .delivered
      case .read: .read
      }
  }
}

/// A conversation at a glance.
public struct ConversationSummary: Sendable, Equatable {
  /// The contact's name, or the address of somebody without one.
  public let contact: String
  /// Whether they are a stranger whose messages are requests.
  public let isRequest: Bool
  public let isVerified: Bool
  /// Whether somebody showed them and us different device lists.
  public let hasForkEvidence: Bool
  /// Messages that have not been shown.
  public let unread: Int
  /// The newest message.
  public let last: HistoryMessage?
}

extension Client {
  /// The newest messages of a conversation, oldest first. Nothing counts as shown because of it.
  ///
  /// - Parameters:
  ///   - skipping: how many of the newest are left out.
  ///   - limit: how many at most.
  public func history(with nameOrAddress: String, skipping: Int = 0, limit: Int = 50) throws -> [HistoryMessage] {
    try step { engine in
      let contact = try engine.known(nameOrAddress)
      let unread = try engine.unshown(from: contact.account)
      return try engine.history(with: contact.account, skipping: skipping, limit: limit).map { message in
        HistoryMessage(
          message, with: contact, answered: try engine.answered(by: message), isUnread: unread.contains(message.key))
      }
    }
  }

  /// Messages with `text` in them, whatever its capitals, newest first.
  ///
  /// - Parameter nameOrAddress: whose conversation is searched; nil: all of them.
  public func search(_ text: String, with nameOrAddress: String? = nil, limit: Int = 50) throws -> [HistoryMessage] {
    try step { engine in
      let contact = try nameOrAddress.map { try engine.known($0) }
      return try engine.search(text, with: contact?.account, limit: limit).compactMap { message in
        guard let author = try engine.contact(message.account) else { return nil }
        return HistoryMessage(
          message, with: author, answered: try engine.answered(by: message),
          isUnread: try engine.unshown(from: author.account).contains(message.key))
      }
    }
  }

  /// All conversations, the one with the newest message first.
  public func conversations() throws -> [ConversationSummary] {
    try step { engine in
      try engine.conversations().map { conversation in
        ConversationSummary(
          contact: conversation.contact.title, isRequest: !conversation.contact.isAccepted,
          isVerified: conversation.contact.isVerified, hasForkEvidence: conversation.contact.hasForkEvidence,
          unread: conversation.unread,
          last: conversation.last.map {
            HistoryMessage($0, with: conversation.contact, answered: nil, isUnread: false)
          })
      }
    }
  }

  /// Messages of a conversation have been shown to the user: by their ids, 32 hexadecimal digits each.
  public func markShown(_ ids: [String], from nameOrAddress: String) throws {
    try step { engine in
      let contact = try engine.known(nameOrAddress)
      try engine.markShown(ids.compactMap { Hex.decode($0).flatMap { try? MessageID($0) } }, from: contact)
    }
  }

  /// How many messages wait to be sent.
  public func queued() throws -> Int { try step { try $0.queued() } }

  /// Deletes a conversation's messages here.
  public func clearHistory(with nameOrAddress: String) throws {
    try step { try $0.clearHistory(with: try $0.known(nameOrAddress).account) }
  }
}
