import SottoCrypto
import SottoSession
import SottoSimulation
import SottoWire
import Testing

/// Keys and signatures that are genuine, in places that are not theirs.
@Suite(.sealsAreForged) struct PlacementTests {
  let alice: Person
  let bob: Person

  init() throws {
    alice = try Person(seed: 1, now: day)
    bob = try Person(seed: 2, now: day, depth: 1)
  }

  // Every X25519 key of Bob's in every slot for one, every ML-KEM key in every slot for one: only its own place is right.
  @Test func everyKeyHasOnePlace() throws {
    let honest = Served(bob)
    let part = try bob.signedPart()
    let agreementKeys = [
      bob.device.identity.publicKey, part.signedKey, bob.parts[0].agreementKey, bob.parts[1].agreementKey,
    ].map(\.bytes)
    for (place, own) in agreementKeys.dropLast().enumerated() {
      for key in agreementKeys {
        var served = honest
        let expected: RefusalStage
        switch place {
        case 0:
          served.card = try served.card.replacing(own, with: key)
          expected = .signature
        case 1:
          served.signedPart = try served.signedPart.replacing(own, with: key)
          expected = .signature
        default:
          served.oneTime = try served.oneTime!.replacing(own, with: key)
          expected = .proof
        }
        #expect(served.refusal() == (key == own ? nil : expected))
      }
    }
    let kemKeys = [part.lastResortKey, bob.parts[0].kemKey, bob.parts[1].kemKey].map(\.bytes)
    for (place, own) in kemKeys.dropLast().enumerated() {
      for key in kemKeys {
        var served = honest
        if place == 0 {
          served.signedPart = try served.signedPart.replacing(own, with: key)
        } else {
          served.oneTime = try served.oneTime!.replacing(own, with: key)
        }
        #expect(served.refusal() == (key == own ? nil : place == 0 ? .signature : .proof))
      }
    }
  }

  // What is sealed as one thing and read as another, by somebody who has the address and may seal.
  @Test func everyPlaintextIsOfOneKind() throws {
    let honest = Served(bob)
    let plaintexts = [honest.card, honest.signedPart, honest.oneTime!]
    for (kind, plaintext) in plaintexts.enumerated() {
      for place in plaintexts.indices {
        var served = honest
        switch place {
        case 0: served.card = plaintext
        case 1: served.signedPart = plaintext
        default: served.oneTime = plaintext
        }
        #expect(served.refusal() == (kind == place ? nil : .encoding))
      }
    }
  }

  // Each genuine key signs each thing under each label: one signer and one label are right.
  @Test func everySignatureHasOneSignerAndOneLabel() throws {
    let part = try bob.signedPart().encoded()
    let list = bob.card.list.encoded()
    func served(
      _ content: [UInt8], _ label: Label, by signer: borrowing HybridSigningKey, named key: HybridPublicKey,
      asPart: Bool
    ) throws -> RefusalStage? {
      var writer = WireWriter()
      if !asPart { writer.fixed(key.classical.bytes) }
      writer.fixed(key.postQuantum.bytes)
      writer.vector(content)
      writer.fixed(try signer.sign(label, content).bytes)
      var served = Served(bob)
      if asPart { served.signedPart = writer.bytes } else { served.card = writer.bytes }
      return served.refusal()
    }
    let (account, device) = (bob.account.signing.publicKey, bob.device.signing.publicKey)
    let (asList, asPart) = ("device list" as Label, "signed part" as Label)
    // A list.
    #expect(try served(list, asList, by: bob.account.signing, named: account, asPart: false) == nil)
    #expect(try served(list, asPart, by: bob.account.signing, named: account, asPart: false) == .signature)
    #expect(try served(list, asList, by: bob.device.signing, named: account, asPart: false) == .signature)
    #expect(try served(list, asList, by: bob.device.signing, named: device, asPart: false) == .account)
    // A signed part.
    #expect(try served(part, asPart, by: bob.device.signing, named: device, asPart: true) == nil)
    #expect(try served(part, asList, by: bob.device.signing, named: device, asPart: true) == .signature)
    #expect(try served(part, asPart, by: bob.account.signing, named: device, asPart: true) == .signature)
    #expect(try served(part, asPart, by: bob.account.signing, named: account, asPart: true) == .device)
    // Each in the other's place, whoever signed it.
    #expect(try served(list, asPart, by: bob.device.signing, named: device, asPart: true) == .encoding)
    #expect(try served(part, asList, by: bob.account.signing, named: account, asPart: false) == .encoding)
  }

  // [handshake.15] What box0 says, what c1 says, and which keys were used: 16 ways, of which two are honest.
  @Test func everyMixOfKeysIsRefused() throws {
    let oneTime = CraftedFlight.Keys(try Served(bob).bundle())
    var withoutPart = Served(bob)
    withoutPart.oneTime = nil
    let lastResort = CraftedFlight.Keys(try withoutPart.bundle())
    for mix in 0..<16 {
      func pick(_ bit: Int) -> CraftedFlight.Keys { mix >> bit & 1 == 0 ? oneTime : lastResort }
      var keys = pick(0)
      keys.oneTimeKey = pick(1).oneTimeKey
      keys.kemKey = pick(2).kemKey
      let bundle = try (mix >> 3 == 0 ? Served(bob) : withoutPart).bundle()
      let flight = try CraftedFlight.make(from: alice, to: bundle, keys: keys)
      guard mix != 15 else {
        #expect(refusal(of: flight, by: bob) == nil)
        continue
      }
      // The honest one-time flight comes last: it uses the part up.
      if mix != 0 { #expect(refusal(of: flight, by: bob) == .box1, "\(mix)") }
    }
    let honest = try CraftedFlight.make(from: alice, to: try Served(bob).bundle(), keys: oneTime)
    #expect(refusal(of: honest, by: bob) == nil)
  }

  // A thief of Bob's identity key opens box0, turns the marker and seals it again. All other numbers stay right: batch 1
  // and last-resort key 1 both exist, and the index is 0.
  @Test(arguments: [true, false]) func theMarkerCannotBeTurned(oneTime: Bool) throws {
    let bundle = try bob.bundle(oneTime: oneTime, now: day)
    #expect(bundle.kind == (oneTime ? .oneTime : .lastResort), "the initiator is told which it is")
    let honest = try CraftedFlight.make(from: alice, to: bundle)
    let prelude = try #require(try Envelope(decoding: honest).prelude)
    let c0 = KeySchedule.c0(
      account: bob.account.id, device: bob.device.id, identityKey: bob.device.identity.publicKey,
      ephemeralKey: prelude.ephemeralKey)
    let first = KeySchedule.start(c0, dh2: try bob.device.identity.agree(with: prelude.ephemeralKey))
    let ids = try prelude.openIDs(bob.device, of: bob.account.id).ids
    #expect(ids.kind == bundle.kind, "and so is the responder")
    let turned = PrekeyIDs(spkID: ids.spkID, kind: oneTime ? .lastResort : .oneTime, id: ids.id, index: ids.index)
    let box0 = SingleUseKey(first.b()).seal(turned.encoded(), ad: c0.bytes)
    #expect(refusal(of: try honest.replacing(prelude.box0, with: box0), by: bob) == .box1)
    #expect(refusal(of: honest, by: bob) == nil)
  }

  // [handshake.15] Whatever keys a caller shows: they must be those that box0 names, by number and kind.
  @Test func onlyTheNamedKeysRespond() throws {
    let signed = try SignedPrekey(decoding: bob.signedPrekeys[1]!.secret.copy())
    let stored = try #require(bob.oneTime.first { $0.key.batch == 1 && $0.key.index == 0 }).value
    let oneTime = try OneTimePrekey(batch: 1, index: 0, decoding: stored.secret)
    var withoutPart = Served(bob)
    withoutPart.oneTime = nil
    func opening(_ served: Served, ids: PrekeyIDs? = nil) throws -> HandshakeOpening {
      let flight = try CraftedFlight.make(from: alice, to: try served.bundle(), ids: ids?.encoded())
      return try Envelope(decoding: flight).prelude!.openIDs(bob.device, of: bob.account.id)
    }
    // Batch 1 and last-resort key 1: the kind alone tells them apart.
    #expect(stage { _ = try opening(Served(bob)).respond(signedPrekey: signed, now: day) } == .prekey)
    #expect(stage { _ = try opening(withoutPart).respond(signedPrekey: signed, oneTime: oneTime, now: day) } == .prekey)
    let others = [
      PrekeyIDs(spkID: 1, kind: .oneTime, id: 2, index: 0), PrekeyIDs(spkID: 1, kind: .oneTime, id: 1, index: 1),
      PrekeyIDs(spkID: 2, kind: .oneTime, id: 1, index: 0),
    ]
    for ids in others {
      #expect(
        stage { _ = try opening(Served(bob), ids: ids).respond(signedPrekey: signed, oneTime: oneTime, now: day) }
          == .prekey)
    }
    let another = PrekeyIDs(spkID: 1, kind: .lastResort, id: 2, index: 0)
    #expect(stage { _ = try opening(withoutPart, ids: another).respond(signedPrekey: signed, now: day) } == .prekey)
  }
}
