package import SottoCrypto
package import SottoSession
internal import SottoWire

/// A message as it is kept: one that was written here, one that arrived, or a notice of the client's own.
package struct StoredMessage: StoredRecord, Equatable {
  package enum Direction: UInt8, Sendable {
    case incoming = 1
    case outgoing = 2
    /// Nobody wrote it: it says that something has changed with a contact.
    case notice = 3
  }

  /// How far a message has come.
  package enum State: UInt8, Sendable {
    /// It arrived.
    case received = 1
    /// It waits in the outbox.
    case queued = 2
    /// The relay has it; nothing shows yet that the recipient could open the session it began.
    case unconfirmed = 3
    /// The relay has it, and the recipient has a session to open it with.
    case sent = 4
    /// It cannot be delivered: the address does not lead there any more.
    case failed = 5
    /// A device of the recipient's has said that it is there.
    case delivered = 6
    /// A device of the recipient's has said that it was shown.
    case read = 7

    /// Whether the recipient has it for certain.
    package var isAcknowledged: Bool { self == .delivered || self == .read }
  }

  package let direction: Direction
  package let account: AccountID
  package let id: MessageID
  package let text: String
  /// By its author's clock: unix milliseconds.
  package let sentAt: UInt64
  /// When it was written or received here: unix milliseconds.
  package let recordedAt: UInt64
  package var state: State
  /// Whether its author was a stranger when it arrived.
  package let isRequest: Bool
  /// What it answers, seen from its author.
  package var answers: MessageReference?
  /// How long it is kept after it was sent or read, in seconds; 0: until it is deleted.
  package var timer: UInt32 = 0
  /// When it is deleted: unix milliseconds; 0 while that is not known.
  package var deletedAt: UInt64 = 0
  /// The block of the search index that has it; 0: none has.
  package var searchBlock: UInt32 = 0

  package static var table: Table { .message }
  /// The file that came with it.
  package var attachment: Attachment?

  package static var format: UInt8 { 3 }
  package var key: [UInt8] { Self.key(direction, account, id) }
  package var group: [UInt8] { account.bytes }

  static func key(_ direction: Direction, _ account: AccountID, _ id: MessageID) -> [UInt8] {
    [direction.rawValue] + account.bytes + id.bytes
  }

  static func account(inKey key: [UInt8]) throws -> AccountID {
    guard key.count == 1 + Digest.count + MessageID.count else { throw Engine.damaged }
    return AccountID(try Digest(Array(key[1...Digest.count])))
  }

  /// What search looks through.
  var searched: String { attachment.map { text + "\n" + $0.name.text } ?? text }

  /// The key of the message that this one answers.
  package var answeredKey: [UInt8]? {
    guard let answers else { return nil }
    let isOfItsAuthor = answers.side == .author
    return Self.key((direction == .outgoing) == isOfItsAuthor ? .outgoing : .incoming, account, answers.id)
  }

  /// What it says, as it is sent.
  var parts: [ContentPart] {
    var parts: [ContentPart] = text.isEmpty ? [] : [.text(text)]
    if let attachment { parts.append(.attachment(attachment)) }
    if let answers { parts.append(.answer(answers)) }
    if timer > 0 { parts.append(.timer(timer)) }
    return parts
  }

  init(incoming content: Content, from account: AccountID, at now: UInt64, isRequest: Bool) {
    direction = .incoming
    self.account = account
    id = content.id
    text = content.text ?? ""
    attachment = content.attachment
    sentAt = content.sentAt
    recordedAt = now
    state = .received
    self.isRequest = isRequest
    answers = content.answer
    timer = content.timer ?? 0
  }

  /// A message that another device of this account has written or received.
  init(_ direction: Direction, copied content: Content, with account: AccountID, at now: UInt64) {
    self.direction = direction
    self.account = account
    id = content.id
    text = content.text ?? ""
    attachment = content.attachment
    sentAt = content.sentAt
    recordedAt = now
    // That device has it in its outbox; the contact's receipts come to all of ours.
    state = direction == .outgoing ? .sent : .received
    isRequest = false
    answers = content.answer
    timer = content.timer ?? 0
  }

  init(outgoing id: MessageID, text: String, to account: AccountID, at now: UInt64) {
    direction = .outgoing
    self.account = account
    self.id = id
    self.text = text
    sentAt = now
    recordedAt = now
    state = .queued
    isRequest = false
  }

  init(notice text: String, id: MessageID, about account: AccountID, at now: UInt64) {
    direction = .notice
    self.account = account
    self.id = id
    self.text = text
    sentAt = now
    recordedAt = now
    state = .received
    isRequest = false
  }

  package func encode(to writer: inout SecretWriter) {
    writer.u8(direction.rawValue)
    writer.fixed(account.bytes)
    writer.fixed(id.bytes)
    writer.text(text)
    writer.u64(sentAt)
    writer.u64(recordedAt)
    writer.u8(state.rawValue)
    writer.flag(isRequest)
    writer.optional(answers) {
      $0.u8($1.side.rawValue)
      $0.fixed($1.id.bytes)
    }
    writer.u32(timer)
    writer.u64(deletedAt)
    writer.u32(searchBlock)
    writer.optional(attachment) { writer, attachment in
      var encoded = WireWriter()
      attachment.write(to: &encoded)
      writer.vector(encoded.bytes)
    }
  }

  package init(from reader: inout SecretReader, format: UInt8) throws {
    guard let direction = Direction(rawValue: try reader.u8()) else { throw CryptoError.wrongLength }
    self.direction = direction
    account = try reader.account()
    id = try reader.messageID()
    text = try reader.text()
    sentAt = try reader.u64()
    recordedAt = try reader.u64()
    guard let state = State(rawValue: try reader.u8()) else { throw CryptoError.wrongLength }
    self.state = state
    isRequest = try reader.flag()
    guard format >= 2 else { return }
    answers = try reader.optional { reader in
      guard let side = MessageReference.Side(rawValue: try reader.u8()) else { throw CryptoError.wrongLength }
      return MessageReference(side, try reader.messageID())
    }
    timer = try reader.u32()
    deletedAt = try reader.u64()
    searchBlock = try reader.u32()
    guard format >= 3 else { return }
    attachment = try reader.optional { try Attachment(decoding: try $0.vector()) }
  }
}

/// That a received message has still to be handed to the user.
struct Unshown: StoredRecord {
  let message: [UInt8]

  static var table: Table { .unshown }
  var key: [UInt8] { message }
  /// Whose conversation it belongs to: the bytes of the account.
  var account: ArraySlice<UInt8> { message.dropFirst().prefix(Digest.count) }

  init(_ message: StoredMessage) { self.message = message.key }

  func encode(to writer: inout SecretWriter) { writer.vector(message) }
  init(from reader: inout SecretReader, format: UInt8) throws { message = try reader.vector() }
}

/// That an envelope was taken from the mailbox, and when (unix seconds).
struct SeenEnvelope: StoredRecord {
  let envelope: [UInt8]
  let at: UnixTime

  static var table: Table { .seen }
  var key: [UInt8] { envelope }

  init(_ envelope: [UInt8], at now: UnixTime) {
    self.envelope = envelope
    at = now
  }

  func encode(to writer: inout SecretWriter) {
    writer.vector(envelope)
    writer.u64(at)
  }

  init(from reader: inout SecretReader, format: UInt8) throws {
    envelope = try reader.vector()
    at = try reader.u64()
  }
}
