package import SottoCrypto
package import SottoSession

/// A message as it is kept: one that was written here, or one that arrived.
package struct StoredMessage: StoredRecord, Equatable {
  package enum Direction: UInt8, Sendable {
    case incoming = 1
    case outgoing = 2
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

  package static var table: Table { .message }
  package var key: [UInt8] { Self.key(direction, account, id) }
  package var group: [UInt8] { account.bytes }

  static func key(_ direction: Direction, _ account: AccountID, _ id: MessageID) -> [UInt8] {
    [direction.rawValue] + account.bytes + id.bytes
  }

  init(incoming content: Content, text: String, from account: AccountID, at now: UInt64, isRequest: Bool) {
    direction = .incoming
    self.account = account
    id = content.id
    self.text = text
    sentAt = content.sentAt
    recordedAt = now
    state = .received
    self.isRequest = isRequest
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

  package func encode(to writer: inout SecretWriter) {
    writer.u8(direction.rawValue)
    writer.fixed(account.bytes)
    writer.fixed(id.bytes)
    writer.text(text)
    writer.u64(sentAt)
    writer.u64(recordedAt)
    writer.u8(state.rawValue)
    writer.flag(isRequest)
  }

  package init(from reader: inout SecretReader) throws {
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
  }
}

/// That a received message has still to be handed to the user.
struct Unshown: StoredRecord {
  let message: [UInt8]

  static var table: Table { .unshown }
  var key: [UInt8] { message }

  init(_ message: StoredMessage) { self.message = message.key }

  func encode(to writer: inout SecretWriter) { writer.vector(message) }
  init(from reader: inout SecretReader) throws { message = try reader.vector() }
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

  init(from reader: inout SecretReader) throws {
    envelope = try reader.vector()
    at = try reader.u64()
  }
}
