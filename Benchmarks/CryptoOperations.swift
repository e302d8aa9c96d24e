import CoreFoundation
import Foundation
import SottoCrypto
import SottoSession
import SottoSimulation
import SottoWire

/// What Sotto's own side of each row does: each function takes one batch and answers with microseconds of this thread's
/// processor for one operation. What a caller does beforehand, such as loading keys, stands outside of the clock.
final class CryptoOperations {
  static let now: UnixTime = 1_790_000_000

  private let alice: Person
  private let bob: Person
  private let bundle: VerifiedBundle
  private let published: Published
  private let firstEnvelope: Envelope
  private let ciphertext: [UInt8]
  private let sharedSecret: Secret
  private let content: Content
  private var entropy = SystemEntropy()

  /// What the relay serves of Bob.
  private struct Published {
    let spkID: UInt64
    let signedPart: [UInt8]
    let oneTime: (batch: UInt64, index: UInt32, sealed: [UInt8])
  }

  /// The lengths that the floor of a handshake needs.
  let sizes: CryptoFloor.Sizes

  init() throws {
    alice = try Person(seed: 1, now: Self.now)
    bob = try Person(seed: 2, now: Self.now)
    published = try Self.publish(bob)
    bundle = try Self.verify(published, of: bob)
    content = Content(
      id: MessageID(from: &entropy), sentAt: Self.now * 1_000,
      parts: [.text(String(repeating: "m", count: 256))])
    let made = try bundle.kemKey.encapsulate()
    ciphertext = made.ciphertext
    sharedSecret = made.secret()
    var session = try Session.initiate(
      to: bundle, ephemeral: AgreementPrivateKey(from: &entropy), ratchetKey: AgreementPrivateKey(from: &entropy),
      encapsulation: Encapsulation(ciphertext: ciphertext, sharedSecret: sharedSecret.copy()),
      as: alice.card, device: alice.device, replyPath: alice.replyPath(), generation: 1, reset: false, now: Self.now)
    firstEnvelope = try Envelope(decoding: session.seal(content, from: &entropy)!)
    sizes = CryptoFloor.Sizes(
      signedPart: bundle.signedPart.encoded().count, list: alice.card.list.encoded().count,
      box1: firstEnvelope.prelude!.box1.count)
  }

  private static func publish(_ person: Person) throws -> Published {
    var entropy = SystemEntropy()
    let key = ContactKeys(person.address).cardKey()
    let part = person.parts[0]
    let kind = SealedKind.oneTimePart(person.device.mailbox, batch: part.batch, index: part.index)
    return Published(
      spkID: 1,
      signedPart: SealedKind.signedPart(person.device.mailbox, id: 1)
        .seal(person.published[1]!, under: key, from: &entropy),
      oneTime: (part.batch, part.index, kind.seal(part.encoded(), under: key, from: &entropy)))
  }

  private static func verify(_ published: Published, of person: Person) throws -> VerifiedBundle {
    try VerifiedBundle(
      card: person.card, device: person.device.id, spkID: published.spkID, sealedSignedPart: published.signedPart,
      oneTime: published.oneTime, keys: ContactKeys(person.address), now: now)
  }

  // MARK: The unit

  func agree() throws -> Double {
    let own = AgreementPrivateKey(from: &entropy)
    let peer = AgreementPrivateKey(from: &entropy).publicKey
    return try Clock.microseconds(200) { _ in _ = try own.agree(with: peer) }
  }

  // MARK: Messages

  /// Two sessions of which each has opened a message of the other.
  private func talk() throws -> (alice: SessionCell, bob: SessionCell) {
    let first = SessionCell(try alice.initiate(to: bundle, now: Self.now))
    let envelope = try Envelope(decoding: first.session.seal(content, from: &entropy)!)
    // The same one-time key each time: nothing is stored here.
    let kept = bob.oneTime
    let second = try bob.respond(to: envelope, now: Self.now).0.cell
    bob.oneTime = kept
    try open(second.session.seal(content, from: &entropy)!, with: first)
    return (first, second)
  }

  private func open(_ bytes: [UInt8], with cell: SessionCell) throws {
    _ = try cell.session.open(Envelope(decoding: bytes), now: Self.now, from: &entropy)
  }

  private lazy var chain = try! talk()

  /// From content to the bytes of an envelope.
  func encrypt() throws -> Double {
    let cell = chain.alice
    var sealed: [[UInt8]] = []
    sealed.reserveCapacity(500)
    let cost = Clock.microseconds(500) { _ in sealed.append(cell.session.seal(content, from: &entropy)!) }
    for envelope in sealed { try open(envelope, with: chain.bob) }
    return cost
  }

  /// From the bytes of an envelope to content.
  func decrypt() throws -> Double {
    let sealed = (0..<500).map { _ in chain.alice.session.seal(content, from: &entropy)! }
    return try Clock.microseconds(500) { try open(sealed[$0], with: chain.bob) }
  }

  /// One encrypts, the other decrypts; every message has a turn.
  func pingPongLeg() throws -> Double {
    var (sender, reader) = chain
    return try Clock.microseconds(200) { _ in
      try open(sender.session.seal(content, from: &entropy)!, with: reader)
      swap(&sender, &reader)
    }
  }

  private lazy var gap: (bytes: [UInt8], state: SessionState) = {
    let (alice, bob) = try! talk()
    try! open(alice.session.seal(content, from: &entropy)!, with: bob)
    for _ in 0..<999 { _ = alice.session.seal(content, from: &entropy) }
    return (alice.session.seal(content, from: &entropy)!, SessionState(bob))
  }()

  func openAfterGap() throws -> Double {
    let cells = try (0..<5).map { _ in try gap.state.load() }
    return try Clock.microseconds(cells.count) { try open(gap.bytes, with: cells[$0]) }
  }

  // MARK: State

  /// A session with 2,000 skipped keys.
  private lazy var crowded: SessionCell = {
    let (alice, bob) = try! talk()
    for _ in 0..<2 {
      for _ in 0..<1_000 { _ = alice.session.seal(content, from: &entropy) }
      try! open(alice.session.seal(content, from: &entropy)!, with: bob)
    }
    return bob
  }()

  /// The bytes of a session, without skipped keys.
  var savedSize: Int { chain.bob.session.encoded().count }
  /// The same before the first answer, with the prelude.
  func unansweredSize() throws -> Int { try alice.initiate(to: bundle, now: Self.now).encoded().count }

  func save() -> Double { save(crowded) }
  /// The same with no skipped keys in the store.
  func saveEmpty() -> Double { save(chain.bob) }

  private func save(_ cell: SessionCell) -> Double {
    Clock.microseconds(500) { _ in precondition(cell.session.encoded().count > 0) }
  }

  private lazy var contacts: (sessions: [SessionCell], envelope: [UInt8]) = {
    let (alice, bob) = try! talk()
    let state = SessionState(bob)
    let others = try! (0..<999).map { _ in try state.loadAsAnother(from: &entropy) }
    return (others + [bob], alice.session.seal(content, from: &entropy)!)
  }()

  /// The last of 1,000 is the one.
  func find() throws -> Double {
    try Clock.microseconds(5) { _ in
      let envelope = try Envelope(decoding: contacts.envelope)
      let place = contacts.sessions.firstIndex { $0.recognises(envelope, .current) }
      precondition(place == contacts.sessions.count - 1)
    }
  }

  // MARK: Handshakes

  /// From verified prekeys and a ready encapsulation to a session; and the signed part's Ed25519 half.
  func initiateClassical() throws -> Double {
    let replyPath = try alice.replyPath()
    let (key, message, signature) = try signedMessage(sizes.signedPart)
    let part = bundle.signedPart.encoded()
    return try Clock.microseconds(40) { _ in
      _ = Digest.of("signed part", part)
      precondition(key.verify(signature, over: message))
      _ = try Session.initiate(
        to: bundle, ephemeral: AgreementPrivateKey(from: &entropy), ratchetKey: AgreementPrivateKey(from: &entropy),
        encapsulation: Encapsulation(ciphertext: ciphertext, sharedSecret: sharedSecret.copy()),
        as: alice.card, device: alice.device, replyPath: replyPath, generation: 1, reset: false, now: Self.now)
    }
  }

  /// From what the relay served to a session: the card was verified when it was fetched.
  func initiate() throws -> Double {
    let replyPath = try alice.replyPath()
    return try Clock.microseconds(20) { _ in
      let bundle = try Self.verify(published, of: bob)
      _ = try Session.initiate(
        to: bundle, as: alice.card, device: alice.device, replyPath: replyPath, generation: 1, reset: false,
        now: Self.now, from: &entropy)
    }
  }

  /// From a first flight and loaded keys, with a ready shared secret, to a session that has opened nothing yet; and the
  /// card's Ed25519 half.
  func respondClassical() throws -> Double {
    let (key, message, signature) = try signedMessage(sizes.list)
    let list = alice.card.list.encoded()
    let keys = try loadKeys()
    return try Clock.microseconds(40) { _ in
      _ = Digest.of("list", list)
      precondition(key.verify(signature, over: message))
      let claimed = try firstEnvelope.prelude!.openIDs(bob.device, of: bob.account.id)
        .respond(signedPrekey: keys.signed, oneTime: keys.oneTime, now: Self.now) { sharedSecret.copy() }
      _ = try claimed.verified(known: nil, before: alice.card, now: Self.now)
    }
  }

  /// The same with everything that it takes.
  func respond() throws -> Double {
    let keys = try loadKeys()
    return try Clock.microseconds(20) { _ in
      let claimed = try firstEnvelope.prelude!.openIDs(bob.device, of: bob.account.id)
        .respond(signedPrekey: keys.signed, oneTime: keys.oneTime, now: Self.now)
      _ = try claimed.verified(known: nil, now: Self.now)
    }
  }

  private struct LoadedKeys: ~Copyable {
    let signed: SignedPrekey
    let oneTime: OneTimePrekey
  }

  private func loadKeys() throws -> LoadedKeys {
    let (batch, index, _) = published.oneTime
    let stored = bob.oneTime.first { $0.key.batch == batch && $0.key.index == index }!
    return LoadedKeys(
      signed: try SignedPrekey(decoding: bob.signedPrekeys[1]!.secret.copy()),
      oneTime: try OneTimePrekey(batch: batch, index: index, decoding: stored.value.secret))
  }

  /// What an Ed25519 half is verified over.
  private func signedMessage(_ payload: Int) throws -> (VerifyingKey, [UInt8], [UInt8]) {
    let key = SigningKey(from: &entropy)
    let label: Label = "signed part"
    let message = label.encoded + [UInt8](repeating: 1, count: 33 + 2 + payload)
    return (key.publicKey, message, key.sign(message))
  }
}

extension CryptoOperations {
  /// Allocations of one message on the chain, each way, where the caller has the memory: at the ratchet, with the content
  /// padded already. The control asks for one block in the same way.
  func allocations(_ counter: AllocationCounter) throws -> (encrypt: Int, decrypt: Int, control: Int) {
    let pair = try ratchets()
    var message = [UInt8](repeating: 0, count: 511)
    message[112] = 0x80
    var plaintext = [UInt8](repeating: 0, count: 383)
    var (encrypt, decrypt) = (0, 0)
    // The first message has a turn.
    for isCounted in [false, true, true] {
      var target = message.mutableSpan
      let sealing = counter.count { pair.sender.ratchet.seal(&target, from: &entropy) }
      let envelope = try Envelope(decoding: [1] + message)
      let opening = try counter.count {
        _ = try pair.reader.ratchet.open(envelope.message, into: &plaintext, now: Self.now, from: &entropy) {
          padded throws(Refused) in padded.count
        }
      }
      message.replaceSubrange(112..<495, with: plaintext)
      if isCounted { (encrypt, decrypt) = (max(encrypt, sealing), max(decrypt, opening)) }
    }
    var block: [UInt8] = []
    return (encrypt, decrypt, counter.count { block = [UInt8](repeating: 1, count: 383 + block.count) })
  }

  private func ratchets() throws -> (sender: RatchetCell, reader: RatchetCell) {
    let signed = AgreementPrivateKey(from: &entropy)
    func keys() throws -> HandshakeKeys {
      HandshakeKeys(
        sid: try Digest([UInt8](repeating: 1, count: 32)),
        root: RootKey(Secret(copying: [UInt8](repeating: 2, count: 32))),
        initiatorHeader: HeaderKey(Secret(copying: [UInt8](repeating: 3, count: 32))),
        responderHeader: HeaderKey(Secret(copying: [UInt8](repeating: 4, count: 32))))
    }
    return (
      RatchetCell(
        try Ratchet(initiator: keys(), remote: signed.publicKey, own: AgreementPrivateKey(from: &entropy))),
      RatchetCell(Ratchet(responder: try keys(), signedKey: signed))
    )
  }
}

private final class RatchetCell {
  var ratchet: Ratchet
  init(_ ratchet: consuming Ratchet) { self.ratchet = ratchet }
}

/// A session as it is saved, to be loaded again and again.
private struct SessionState {
  private let core: [UInt8]
  private let skippedKeys: [UInt8]

  init(_ cell: SessionCell) {
    core = cell.session.encoded().revealed()
    skippedKeys = cell.session.encodedSkippedKeys().revealed()
  }

  func load() throws -> SessionCell {
    SessionCell(try Session(decoding: Secret(copying: core), skippedKeys: Secret(copying: skippedKeys)))
  }

  /// With another name and other header keys; where they stand: Specs/State.md.
  func loadAsAnother(from entropy: inout some Entropy) throws -> SessionCell {
    var core = core
    for range in [3..<35, core.count - 140..<core.count - 108, core.count - 36..<core.count - 4] {
      core.replaceSubrange(range, with: entropy.bytes(32))
    }
    return SessionCell(try Session(decoding: Secret(copying: core), skippedKeys: Secret(copying: skippedKeys)))
  }
}

/// This thread's processor: what other programs do on the machine is not in it.
enum Clock {
  /// Microseconds of each of `count` runs.
  static func microseconds(_ count: Int, _ body: (Int) throws -> Void) rethrows -> Double {
    let start = read()
    for index in 0..<count { try body(index) }
    return (read() - start) / Double(count)
  }

  private static func read() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return Double(time.tv_sec) * 1e6 + Double(time.tv_nsec) / 1e3
  }
}

extension [Double] {
  var median: Double { isEmpty ? .nan : sorted()[count / 2] }
}
