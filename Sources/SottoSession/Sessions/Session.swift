public import SottoCrypto
import SottoWire

/// Which side of the handshake we were.
public enum SessionRole: UInt8, Sendable {
  case initiator = 1
  case responder = 2
}

/// What is known of a session without its keys.
public struct SessionInfo: Hashable, Sendable {
  /// The session's name, c2 of the handshake; never on the wire.
  public let sid: Digest
  /// Which side we were.
  public let role: SessionRole
  /// One above the highest that the initiator knew for the pair of devices.
  public let generation: UInt32
  /// Whether this side has opened one of its messages.
  public internal(set) var isConfirmed: Bool
  /// Unix seconds.
  public let createdAt: UnixTime
  /// Names the first flight: for the responder, which session a repeated prelude belongs to.
  public let preludeDigest: Digest
  /// Whose session it is.
  public let peerAccount: AccountID
  /// Which of their devices.
  public let peerDevice: DeviceID

  // Written out because a synthesized initialiser is internal, and tests of the rules make sessions up.
  package init(
    sid: Digest, role: SessionRole, generation: UInt32, isConfirmed: Bool, createdAt: UnixTime, preludeDigest: Digest,
    peerAccount: AccountID, peerDevice: DeviceID
  ) {
    self.sid = sid
    self.role = role
    self.generation = generation
    self.isConfirmed = isConfirmed
    self.createdAt = createdAt
    self.preludeDigest = preludeDigest
    self.peerAccount = peerAccount
    self.peerDevice = peerDevice
  }
}

/// One session between two devices: a ratchet, and the prelude that goes with its messages until the peer has answered.
public struct Session: ~Copyable {
  /// What is known of it without its keys.
  public private(set) var info: SessionInfo
  private(set) var ratchet: Ratchet
  private(set) var prelude: [UInt8]?

  package init(info: SessionInfo, ratchet: consuming Ratchet, prelude: [UInt8]?) {
    self.info = info
    self.ratchet = ratchet
    self.prelude = prelude
  }

  /// Opens a session with a device whose prekeys were verified. [sessions.1]
  ///
  /// - Parameters:
  ///   - bundle: the peer's verified prekeys.
  ///   - card: our own card, which lists `device`.
  ///   - replyPath: where the peer can answer.
  ///   - generation: one above the highest known for the pair of devices (`SessionRules.nextGeneration`).
  ///   - reset: whether all older sessions of the pair end here.
  ///   - now: unix seconds.
  public static func initiate(
    to bundle: VerifiedBundle, as card: Card, device: borrowing DeviceKeys, replyPath: ReplyPath, generation: UInt32,
    reset: Bool, now: UnixTime, from entropy: inout some Entropy
  ) throws(Refused) -> Session {
    let ephemeral = AgreementPrivateKey(from: &entropy)
    let first = AgreementPrivateKey(from: &entropy)
    let encapsulation: Encapsulation
    do { encapsulation = try bundle.kemKey.encapsulate() } catch { throw Refused(.key) }
    return try initiate(
      to: bundle, ephemeral: ephemeral, ratchetKey: first, encapsulation: encapsulation, as: card, device: device,
      replyPath: replyPath, generation: generation, reset: reset, now: now)
  }

  /// With every fresh value as an argument, for vectors.
  package static func initiate(
    to bundle: VerifiedBundle, ephemeral: borrowing AgreementPrivateKey, ratchetKey: consuming AgreementPrivateKey,
    encapsulation: consuming Encapsulation, as card: Card, device: borrowing DeviceKeys, replyPath: ReplyPath,
    generation: UInt32, reset: Bool, now: UnixTime
  ) throws(Refused) -> Session {
    guard generation >= 1, generation <= Limits.generation else { throw Refused(.generation) }
    let result = try InitiatorHandshake.run(
      to: bundle, ephemeral: ephemeral, encapsulation: encapsulation, as: card, device: device, replyPath: replyPath,
      generation: generation, reset: reset)
    var writer = WireWriter()
    result.prelude.write(to: &writer)
    let info = SessionInfo(
      sid: result.keys.sid, role: .initiator, generation: generation, isConfirmed: false, createdAt: now,
      preludeDigest: result.prelude.digest, peerAccount: bundle.card.account, peerDevice: bundle.device.id)
    let ratchet = try Ratchet(initiator: result.keys, remote: bundle.signedPart.signedKey, own: ratchetKey)
    return Session(info: info, ratchet: ratchet, prelude: writer.bytes)
  }

  /// The prelude that its envelopes carry, for vectors; nil once an answer has opened, and at a responder.
  package var encodedPrelude: [UInt8]? { prelude }

  /// How many bytes of content fit the largest envelope.
  public var contentLimit: Int { SizeClass.k64.rawValue - Envelope.overhead - (prelude?.count ?? 0) - 1 }

  /// Seals content into an envelope of the smallest size that holds it. [sessions.2]
  ///
  /// Nil when none does, or the chain has no message left; then nothing changed.
  public mutating func seal(_ content: Content, from entropy: inout some Entropy) -> [UInt8]? {
    let bytes = content.encoded()
    guard ratchet.canSeal, let count = Envelope.paddedCount(for: bytes.count, preludeCount: prelude?.count ?? 0) else {
      return nil
    }
    return Envelope.build(prelude: prelude, messageCount: RatchetMessage.overhead + count) { message in
      let start = RatchetMessage.commitmentRange.upperBound
      message.write(bytes.span, at: start)
      // The rest is zero: [messages.1].
      message[start + bytes.count] = Padding.marker
      ratchet.seal(&message, from: &entropy)
    }
  }

  /// Where a header may open. Active sessions are tried on current and next keys first, then on old chains.
  public enum Trial: Sendable, CaseIterable {
    case current
    case past
  }

  /// Whether a header key of this session opens the envelope: then this session decides. [sessions.3]
  ///
  /// A prelude must be the one that opened this session.
  public func recognises(_ envelope: Envelope, _ trial: Trial) -> Bool {
    guard accepts(envelope.prelude) else { return false }
    switch trial {
    case .current: return ratchet.currentPlace(of: envelope.message) != nil
    case .past: return ratchet.pastPlace(of: envelope.message) != nil
    }
  }

  /// What opening an envelope yields.
  public struct Opened: Sendable {
    /// What it says.
    public let content: Content
    /// Keys of earlier messages that had to be forgotten, to be reported: those messages can no longer be opened.
    public let dropped: Int
  }

  /// Opens an envelope; on any refusal the session is as it was. [sessions.4]
  public mutating func open(
    _ envelope: Envelope, now: UnixTime, from entropy: inout some Entropy
  ) throws(Refused) -> Opened {
    guard accepts(envelope.prelude) else { throw Refused(.header) }
    var plaintext: [UInt8] = []
    let opened = try ratchet.open(envelope.message, into: &plaintext, now: now, from: &entropy) {
      padded throws(Refused) in try Content(decoding: try Padding.unpad(padded))
    }
    info.isConfirmed = true
    prelude = nil
    return Opened(content: opened.content, dropped: opened.dropped)
  }

  /// Whether the message beside a prelude is one of this session.
  package func accepts(_ prelude: Prelude?) -> Bool {
    guard let prelude else { return true }
    return info.role == .responder && prelude.digest == info.preludeDigest
  }
}
