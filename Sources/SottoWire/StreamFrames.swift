public import SottoCrypto

/// What the relay sends on a stream, one binary WebSocket message each; the first byte is the type. [stream.1]
public enum ServerFrame: Hashable, Sendable {
  /// The first frame of every stream: sign it. [stream.2]
  case challenge(StreamChallenge)
  /// An envelope; `index` grows within the mailbox and is what an ack names. [stream.4]
  case envelope(index: UInt64, id: EnvelopeID, bytes: [UInt8])
  /// Every envelope that was stored when the signature was accepted has been sent; `index` is the last of them, or 0.
  /// [stream.7]
  case caughtUp(index: UInt64)
  /// Why the relay closes; the close frame follows. [stream.9]
  case closing(CloseReason)

  public var encoded: [UInt8] {
    var writer = WireWriter()
    switch self {
    case .challenge(let challenge):
      writer.u8(0x01)
      writer.u64(challenge.restoreEpoch)
      writer.fixed(challenge.nonce)
    case .envelope(let index, let id, let bytes):
      writer.u8(0x02)
      writer.u64(index)
      writer.u128(id.number)
      writer.vector(bytes)
    case .caughtUp(let index):
      writer.u8(0x03)
      writer.u64(index)
    case .closing(let reason):
      writer.u8(0x04)
      writer.u16(reason.rawValue)
    }
    return writer.bytes
  }

  public init(decoding bytes: [UInt8]) throws(WireError) {
    var reader = WireReader(bytes)
    switch try reader.u8() {
    case 0x01:
      let epoch = try reader.number()
      self = .challenge(try StreamChallenge(restoreEpoch: epoch, nonce: try reader.fixed(StreamChallenge.nonceCount)))
    case 0x02:
      let index = try reader.number()
      let id = EnvelopeID(number: try reader.u128())
      let bytes = try reader.vector(limit: SizeClass.k64.rawValue)
      guard SizeClass(rawValue: bytes.count) != nil else { throw .invalidValue }
      self = .envelope(index: index, id: id, bytes: bytes)
    case 0x03: self = .caughtUp(index: try reader.number())
    case 0x04:
      guard let reason = CloseReason(rawValue: try reader.u16()) else { throw .invalidValue }
      self = .closing(reason)
    default: throw .invalidValue
    }
    try reader.finish()
  }
}

/// What the owner sends on a stream. [stream.1]
public enum ClientFrame: Hashable, Sendable {
  /// The mailbox's key and its signature over the challenge. [stream.3]
  case authenticate(key: VerifyingKey, signature: [UInt8])
  /// Every envelope up to `index` is in safe hands: delete them. [stream.6]
  case ack(index: UInt64, restoreEpoch: UInt64)

  public var encoded: [UInt8] {
    var writer = WireWriter()
    switch self {
    case .authenticate(let key, let signature):
      writer.u8(0x81)
      writer.fixed(key.bytes)
      writer.fixed(signature)
    case .ack(let index, let restoreEpoch):
      writer.u8(0x82)
      writer.u64(index)
      writer.u64(restoreEpoch)
    }
    return writer.bytes
  }

  public init(decoding bytes: [UInt8]) throws(WireError) {
    var reader = WireReader(bytes)
    switch try reader.u8() {
    case 0x81:
      guard let key = try? VerifyingKey(try reader.fixed(VerifyingKey.count)) else { throw .truncated }
      self = .authenticate(key: key, signature: try reader.fixed(VerifyingKey.signatureCount))
    case 0x82: self = .ack(index: try reader.number(), restoreEpoch: try reader.number())
    default: throw .invalidValue
    }
    try reader.finish()
  }
}

/// What the owner signs before a stream delivers anything. [stream.3]
public struct StreamChallenge: Hashable, Sendable {
  /// The number of random bytes.
  public static let nonceCount = 32
  /// The relay's restore epoch; acks repeat it.
  public let restoreEpoch: UInt64
  /// 32 bytes, fresh for each socket.
  public let nonce: [UInt8]

  public init(restoreEpoch: UInt64, nonce: [UInt8]) throws(WireError) {
    guard nonce.count == Self.nonceCount else { throw .outOfRange }
    self.restoreEpoch = restoreEpoch
    self.nonce = nonce
  }

  /// A fresh challenge.
  public init(restoreEpoch: UInt64, from entropy: inout some Entropy) {
    self.restoreEpoch = restoreEpoch
    nonce = entropy.bytes(Self.nonceCount)
  }

  /// `L("stream") || lp(authority) || lp(mailbox) || lp(u64 restore epoch) || lp(nonce)`. [stream.3]
  public func message(authority: RelayAuthority, mailbox: MailboxID) -> [UInt8] {
    var epoch = WireWriter()
    epoch.u64(restoreEpoch)
    var writer = WireWriter()
    writer.fixed(("stream" as Label).encoded)
    writer.vector(Array(authority.text.utf8))
    writer.vector(mailbox.bytes)
    writer.vector(epoch.bytes)
    writer.vector(nonce)
    return writer.bytes
  }

  /// The frame that answers it.
  public func answer(authority: RelayAuthority, signedBy key: borrowing SigningKey) -> ClientFrame {
    let message = message(authority: authority, mailbox: MailboxID(owner: key.publicKey))
    return .authenticate(key: key.publicKey, signature: key.sign(message))
  }

  /// Why the client's first message does not open the stream; nil when its key hashes to the mailbox and signed this
  /// challenge. [stream.3]
  public func refusal(of message: [UInt8], authority: RelayAuthority, mailbox: MailboxID) -> CloseReason? {
    guard let frame = try? ClientFrame(decoding: message) else { return .protocolError }
    guard case .authenticate(let key, let signature) = frame, MailboxID(owner: key) == mailbox,
      key.verify(signature, over: self.message(authority: authority, mailbox: mailbox))
    else { return .refused }
    return nil
  }
}

/// Why the relay ends a stream: the `closing` frame carries it, and the WebSocket close code is the same number. [stream.9]
public enum CloseReason: UInt16, Error, Sendable, CaseIterable {
  /// The relay stops or restarts: come back after a random delay.
  case restarting = 1012
  /// The relay could not read or write its store: come back later.
  case unavailable = 1011
  /// The signature is not the owner's, or came too late: coming back with the same key is no use.
  case refused = 4001
  /// Another socket of the same owner took over: do not come back by yourself.
  case displaced = 4002
  /// The mailbox does not exist, or was deleted: create it first.
  case gone = 4003
  /// A frame that the protocol does not have: a bug, do not repeat it.
  case protocolError = 4004
  /// The reader did not take what was sent for it: come back when ready to read.
  case slow = 4005

  /// As [stream.9] names it.
  package var name: String {
    switch self {
    case .restarting: "restarting"
    case .unavailable: "unavailable"
    case .refused: "refused"
    case .displaced: "displaced"
    case .gone: "gone"
    case .protocolError: "protocol error"
    case .slow: "slow"
    }
  }

  /// Whether connecting again, unchanged, is the right answer.
  public var invitesReconnect: Bool {
    switch self {
    case .restarting, .unavailable, .slow: true
    case .refused, .displaced, .gone, .protocolError: false
    }
  }
}
