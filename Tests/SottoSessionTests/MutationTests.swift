import SottoCrypto
import SottoSession
import SottoSimulation
import SottoWire
import Testing

/// Every bit of everything that is authentic in itself counts: one that is turned is refused. Objects without
/// authentication of their own are not here: the frames and bodies of Specs/Relay.md, which carry what is sealed or
/// signed, and whose rest only TLS protects. Those that a mailbox's owner signs are in SottoWireTests.
@Suite(.sealsAreWatched) struct MutationTests {
  private let alice: Person
  private let bob: Person

  init() throws {
    alice = try Person(seed: 1, now: day)
    bob = try Person(seed: 2, now: day)
  }

  private func survivors(
    _ name: String, _ bytes: [UInt8], _ read: @escaping ([UInt8]) throws -> Void
  ) throws -> [String] {
    try Mutations(of: name) { bytes in stage { try read(bytes) } != nil }.survivors(of: bytes)
  }

  // [card.4] The device list is in it.
  @Test func everyBitOfACard() throws {
    let (account, relay, encoded) = (bob.account.id, bob.relay, bob.card.encoded())
    func read(_ bytes: [UInt8]) throws {
      _ = try UnverifiedCard(decoding: bytes).verified(for: account, foundAt: relay, as: 1, now: day)
    }
    try read(encoded)
    #expect(try survivors("a card with its device list", encoded, read) == [])
  }

  // [prekeys.6]
  @Test func everyBitOfASignedPart() throws {
    let (account, device, published) = (bob.account.id, bob.device.listed(at: bob.relay), bob.published[1]!)
    func read(_ bytes: [UInt8]) throws {
      _ = try VerifiedBundle.signedPart(bytes, of: device, account: account, now: day)
    }
    try read(published)
    #expect(try survivors("a signed part", published, read) == [])
  }

  // [prekeys.1] [prekeys.2]
  @Test func everyBitOfAOneTimePart() throws {
    let device = bob.device.listed(at: bob.relay)
    let part = try VerifiedBundle.signedPart(bob.published[1]!, of: device, account: bob.account.id, now: day)
    func read(_ bytes: [UInt8]) throws { _ = try VerifiedBundle.oneTimePart(bytes, of: device.id, under: part) }
    let encoded = bob.parts[1].encoded()
    try read(encoded)
    #expect(try survivors("a one-time part", encoded, read) == [])
  }

  // [card.1] [card.2]
  @Test func everyBitOfWhatIsSealedForARelay() throws {
    let keys = ContactKeys(bob.address)
    let plaintexts: [(String, SealedKind, [UInt8])] = [
      ("a sealed card", .card(keys.cardID, sequence: 1), bob.card.encoded()),
      ("a sealed signed part", .signedPart(bob.device.mailbox, id: 1), bob.published[1]!),
      ("a sealed one-time part", .oneTimePart(bob.device.mailbox, batch: 1, index: 0), bob.parts[0].encoded()),
    ]
    for (name, kind, plaintext) in plaintexts {
      let sealed = kind.seal(plaintext, under: keys.cardKey(), from: &bob.entropy)
      func read(_ bytes: [UInt8]) throws { _ = try kind.open(bytes, under: keys.cardKey()) }
      try read(sealed)
      #expect(try survivors(name, sealed, read) == [])
    }
  }

  // [handshake.10] [handshake.11] [handshake.12]
  @Test func everyBitOfAFirstEnvelopeAndItsPrelude() throws {
    let session = SessionCell(try alice.initiate(to: try bob.bundle(now: day), now: day))
    let flight = try #require(session.session.seal(alice.text("hello", at: day), from: &alice.entropy))
    let responder = try Responder(bob, try Envelope(decoding: flight))
    #expect(try survivors("a first envelope with its prelude", flight, responder.read) == [])
    try responder.read(flight)
  }

  /// Does what a responder does, with private keys that are read once for all bits.
  private final class Responder {
    private let person: Person
    private let ids: PrekeyIDs
    private let signed: SignedPrekey
    private let oneTime: OneTimePrekey

    init(_ person: Person, _ envelope: Envelope) throws {
      self.person = person
      ids = try envelope.prelude!.openIDs(person.device, of: person.account.id).ids
      signed = try SignedPrekey(decoding: person.signedPrekeys[ids.spkID]!.secret.copy())
      let stored = person.oneTime.first { [ids] in $0.key.batch == ids.id && $0.key.index == ids.index }!.value
      oneTime = try OneTimePrekey(batch: ids.id, index: ids.index, decoding: stored.secret)
    }

    func read(_ bytes: [UInt8]) throws {
      let envelope = try Envelope(decoding: bytes)
      guard let prelude = envelope.prelude else { throw Refused(.header) }
      let opening = try prelude.openIDs(person.device, of: person.account.id)
      guard opening.ids == ids else { throw Refused(.prekey) }
      var responded = try opening.respond(signedPrekey: signed, oneTime: oneTime, now: day)
        .verified(known: nil, now: day)
      _ = try responded.session.open(envelope, now: day, from: &person.entropy)
    }
  }

  // [ratchet.3] [ratchet.4] [ratchet.5]
  @Test func everyBitOfARatchetEnvelope() throws {
    let pair = try Pair()
    let envelope = pair.sealAtAlice("whole")
    func read(_ bytes: [UInt8]) throws { try pair.openAtBob(bytes) }
    #expect(try survivors("a ratchet envelope", envelope, read) == [])
    try read(envelope)
  }

  // [address.4]
  @Test func everyBitOfAnAddress() throws {
    func isRefused(_ bytes: [UInt8]) -> Bool {
      (try? Address(parsing: String(decoding: bytes, as: UTF8.self))) == nil
    }
    let text = Array(bob.address.text.utf8)
    #expect(!isRefused(text))
    #expect(try Mutations(of: "an address", isRefused: isRefused).survivors(of: text) == [])
  }
}
