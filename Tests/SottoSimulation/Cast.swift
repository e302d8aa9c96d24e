public import SottoCrypto
public import SottoSession
public import SottoWire

/// A person with one device, as the machines see one: keys, a card, prekeys, and the sessions with one peer. No store,
/// no relay: what crosses between two people is bytes that a test hands over.
public final class Person {
  public let account: AccountKeys
  public let device: DeviceKeys
  public let contactSecret: ContactSecret
  public let relay: RelayAuthority
  public var card: Card
  public var signedPrekeys: [UInt64: SecretBox] = [:]
  /// The signed part of each, as it is published, before sealing.
  public var published: [UInt64: [UInt8]] = [:]
  public var oneTime: [OneTimeKeyName: SecretBox] = [:]
  public var parts: [OneTimeKeys] = []
  public var entropy: SeededEntropy

  public struct OneTimeKeyName: Hashable {
    public let batch: UInt64
    public let index: UInt32
  }

  public init(seed: UInt64, now: UnixTime, depth: Int = 2) throws {
    var entropy = SeededEntropy(seed: seed)
    let account = try AccountKeys(from: &entropy)
    let device = try DeviceKeys(from: &entropy)
    contactSecret = ContactSecret(from: &entropy)
    relay = RelayAuthority("relay.example")!
    let list = DeviceList(
      account: account.id, sequence: 1, previous: .zero, notBefore: now, notAfter: now + 30 * 86_400,
      nextAccount: account.nextID, relays: [relay], devices: [device.listed(at: relay)])
    card = try Card(list, signedBy: account)
    self.account = account
    self.device = device
    self.entropy = entropy
    try publishPrekeys(id: 1, depth: depth, now: now)
  }

  /// A new batch and a new signed part that vouches for it.
  public func publishPrekeys(id: UInt64, depth: Int, now: UnixTime) throws {
    let batch = try OneTimeBatch(batch: id, depth: depth, device: device.id, from: &entropy)
    let signed = try SignedPrekey(
      id: id, account: account.id, device: device.id, batches: [batch.root], now: now, from: &entropy)
    signedPrekeys[id] = SecretBox(signed.encoded())
    published[id] = try signed.part.published(signedBy: device.signing)
    for (part, secret) in zip(batch.parts, batch.secrets) {
      oneTime[OneTimeKeyName(batch: part.batch, index: part.index)] = secret
    }
    parts += batch.parts
  }

  public var address: Address { Address(account: account.id, contactSecret: contactSecret, relay: relay) }

  /// Where this person can be answered.
  public func replyPath() throws -> ReplyPath {
    ReplyPath(
      relay: relay, contactSecret: contactSecret, sequence: card.list.sequence,
      capabilities: [device.mailbox: try Capability([UInt8](repeating: 7, count: 32))])
  }

  /// What a relay would serve, sealed and opened again; `oneTime` takes the next part off the list.
  public func bundle(oneTime useOneTime: Bool = true, now: UnixTime) throws -> VerifiedBundle {
    let keys = ContactKeys(address)
    let key = keys.cardKey()
    let spkID = published.keys.max()!
    let sealed = SealedKind.signedPart(device.mailbox, id: spkID).seal(published[spkID]!, under: key, from: &entropy)
    var claimed: (batch: UInt64, index: UInt32, sealed: [UInt8])?
    if useOneTime, !parts.isEmpty {
      let part = parts.removeFirst()
      let kind = SealedKind.oneTimePart(device.mailbox, batch: part.batch, index: part.index)
      claimed = (part.batch, part.index, kind.seal(part.encoded(), under: key, from: &entropy))
    }
    return try VerifiedBundle(
      card: card, device: device.id, spkID: spkID, sealedSignedPart: sealed, oneTime: claimed, keys: keys, now: now)
  }

  /// Opens a session with `peer`.
  public func initiate(
    to bundle: VerifiedBundle, generation: UInt32 = 1, reset: Bool = false, now: UnixTime
  ) throws -> Session {
    try Session.initiate(
      to: bundle, as: card, device: device, replyPath: replyPath(), generation: generation, reset: reset, now: now,
      from: &entropy)
  }

  /// Does everything that a responder does with a first flight but storing: throws what was refused.
  public func respond(
    to envelope: Envelope, known: DeviceList? = nil, now: UnixTime
  ) throws -> (Meeting, Session.Opened) {
    guard let prelude = envelope.prelude else { throw Refused(.header) }
    let opening = try prelude.openIDs(device, of: account.id)
    let ids = opening.ids
    guard let stored = signedPrekeys[ids.spkID] else { throw Refused(.prekey) }
    let signed = try SignedPrekey(decoding: stored.secret.copy())
    let claimed: UnverifiedInitiator
    switch ids.kind {
    case .oneTime:
      guard let secret = oneTime[OneTimeKeyName(batch: ids.id, index: ids.index)] else { throw Refused(.prekey) }
      let key = try OneTimePrekey(batch: ids.id, index: ids.index, decoding: secret.secret)
      claimed = try opening.respond(signedPrekey: signed, oneTime: key, now: now)
    case .lastResort: claimed = try opening.respond(signedPrekey: signed, now: now)
    }
    var responded = try claimed.verified(known: known, now: now)
    let opened = try responded.session.open(envelope, now: now, from: &entropy)
    // Only here does anything change.
    if ids.kind == .oneTime { oneTime[OneTimeKeyName(batch: ids.id, index: ids.index)] = nil }
    let initiator = responded.initiator
    return (Meeting(initiator: initiator, session: responded.takeSession()), opened)
  }

  /// Everything that is stored, and the next bytes that would be drawn: what a refusal must not change.
  public func snapshot() -> [[UInt8]] {
    var next = entropy
    let names = oneTime.keys.sorted { ($0.batch, $0.index) < ($1.batch, $1.index) }
    let secrets = signedPrekeys.keys.sorted().map { signedPrekeys[$0]! } + names.map { oneTime[$0]! }
    return [account.encoded().revealed(), device.encoded().revealed(), card.encoded(), next.bytes(8)]
      + secrets.map { $0.secret.revealed() } + parts.map { $0.encoded() }
  }

  /// A text message.
  public func text(_ text: String, at now: UnixTime) -> Content {
    Content(id: MessageID(from: &entropy), sentAt: now * 1000, parts: [.text(text)])
  }
}

/// A session from someone, and who that is.
public struct Meeting {
  public let initiator: Initiator
  public let cell: SessionCell

  init(initiator: Initiator, session: consuming Session) {
    self.initiator = initiator
    cell = SessionCell(session)
  }
}

/// A session in a variable that collections can hold.
public final class SessionCell {
  public var session: Session

  public init(_ session: consuming Session) { self.session = session }

  public func recognises(_ envelope: Envelope, _ trial: Session.Trial) -> Bool { session.recognises(envelope, trial) }

  /// The same session after a restart.
  public func reloaded() throws -> SessionCell {
    SessionCell(try Session(decoding: session.encoded(), skippedKeys: session.encodedSkippedKeys()))
  }
}
