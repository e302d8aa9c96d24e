package import SottoCrypto
package import SottoSession
package import SottoWire

/// A message on its way to one device.
///
/// ```
/// unaddressed --card--> waiting --session--> sealed --201--> unconfirmed --authenticated reply--> (gone)
///   no list known         no session           |                 \-- 1 h, 1 d, 3 d --> waiting, fresh bundle
///                                               \-- 201, session confirmed --> (gone)
/// ```
/// A sealed item holds the exact bytes and the envelope id: a retry repeats them, and the relay stores them once.
package struct OutboxItem: StoredRecord, Equatable {
  package let message: MessageID
  package let account: AccountID
  /// nil while no device list of the account is known.
  package let device: DeviceID?
  /// The encoded content, to be sealed again if a session is lost.
  package let content: [UInt8]
  package var stage: Stage
  /// How often a first flight has been repeated.
  package var repeats: UInt32
  /// When it was first stored by the relay: unix seconds; 0 before.
  package var firstSentAt: UnixTime
  /// Failed attempts since the last success, and when the next one may be: unix milliseconds.
  package var attempts: UInt32
  package var notBefore: UInt64
  /// Whether the relay has the message for another device of the account.
  var isElsewhere = false
  /// How often it went again because its session had ended. [client.20]
  var resends: UInt8 = 0

  package enum Stage: Equatable, Sendable {
    case unaddressed
    case waiting
    case sealed(session: Digest, envelope: EnvelopeID, bytes: [UInt8])
    case unconfirmed(session: Digest)
  }

  init(_ message: MessageID, to account: AccountID, device: DeviceID?, content: [UInt8]) {
    self.message = message
    self.account = account
    self.device = device
    self.content = content
    stage = device == nil ? .unaddressed : .waiting
    repeats = 0
    firstSentAt = 0
    attempts = 0
    notBefore = 0
  }

  /// The same once more, to the same device or to one that takes its place. Wherever it goes, the relay has it already.
  func again(to device: DeviceID) -> OutboxItem {
    var item = OutboxItem(message, to: account, device: device, content: content)
    item.isElsewhere = true
    item.resends = resends + 1
    return item
  }

  /// Whether the relay does not have it yet.
  package var isPending: Bool {
    if case .unconfirmed = stage { false } else { true }
  }

  package static var table: Table { .outbox }
  package static var format: UInt8 { 2 }
  package var key: [UInt8] { account.bytes + message.bytes + (device?.bytes ?? []) }
  package var group: [UInt8] { account.bytes }

  package func encode(to writer: inout SecretWriter) {
    writer.fixed(message.bytes)
    writer.fixed(account.bytes)
    writer.optional(device) { $0.fixed($1.bytes) }
    writer.vector(content)
    switch stage {
    case .unaddressed: writer.u8(1)
    case .waiting: writer.u8(2)
    case .sealed(let session, let envelope, let bytes):
      writer.u8(3)
      writer.fixed(session.bytes)
      writer.fixed(envelope.bytes)
      writer.vector(bytes)
    case .unconfirmed(let session):
      writer.u8(4)
      writer.fixed(session.bytes)
    }
    writer.u32(repeats)
    writer.u64(firstSentAt)
    writer.u32(attempts)
    writer.u64(notBefore)
    writer.flag(isElsewhere)
    writer.u8(resends)
  }

  package init(from reader: inout SecretReader, format: UInt8) throws {
    message = try reader.messageID()
    account = try reader.account()
    device = try reader.optional { try $0.device() }
    content = try reader.vector()
    switch try reader.u8() {
    case 1: stage = .unaddressed
    case 2: stage = .waiting
    case 3:
      stage = .sealed(
        session: try reader.digest(), envelope: try EnvelopeID(try reader.fixed(EnvelopeID.count)),
        bytes: try reader.vector())
    case 4: stage = .unconfirmed(session: try reader.digest())
    default: throw CryptoError.wrongLength
    }
    repeats = try reader.u32()
    firstSentAt = try reader.u64()
    attempts = try reader.u32()
    notBefore = try reader.u64()
    guard format >= 2 else { return }
    isElsewhere = try reader.flag()
    resends = try reader.u8()
  }
}
