import SottoCrypto
import SottoSession
import SottoSimulation
import SottoWire
import Testing

@Suite(.sealsAreWatched) struct PrekeyTests {
  let bob: Person
  let mallory: Person
  init() throws {
    bob = try Person(seed: 2, now: day)
    mallory = try Person(seed: 9, now: day)
  }

  private func open(
    _ published: [UInt8], at now: UnixTime = day, device: Device? = nil
  ) throws -> SignedPart {
    try VerifiedBundle.signedPart(
      published, of: device ?? bob.device.listed(at: bob.relay), account: bob.account.id, now: now)
  }

  // [prekeys.1] [prekeys.2] [prekeys.5] [prekeys.6]
  @Test func everyLeafLeadsToTheRoot() throws {
    let part = try open(bob.published[1]!)
    let device = bob.device.listed(at: bob.relay)
    for oneTime in bob.parts {
      #expect(try VerifiedBundle.oneTimePart(oneTime.encoded(), of: device.id, under: part) == oneTime)
      // Any other place, key or path does not.
      for offset in [0, 7, 11, 12, 44, oneTime.encoded().count - 1] {
        var bent = oneTime.encoded()
        bent[offset] ^= 1
        #expect(stage { try VerifiedBundle.oneTimePart(bent, of: device.id, under: part) } != nil)
      }
    }
  }

  // [prekeys.2]
  @Test func aPathOfAnotherLengthIsRefused() throws {
    let part = try open(bob.published[1]!)
    let device = bob.device.listed(at: bob.relay)
    var reader = bob.parts[0].encoded()
    // The path is a vector of two 32-byte nodes behind a two-byte length: one node less, and none.
    reader.removeLast(65)
    reader.removeLast()
    reader += [32] + [UInt8](repeating: 1, count: 32)
    #expect(stage { try VerifiedBundle.oneTimePart(reader, of: device.id, under: part) } == .proof)
  }

  // [prekeys.3] [prekeys.4] [prekeys.11] [prekeys.12] [prekeys.13]
  @Test func aSignedPartIsForOneDeviceAndTime() throws {
    let published = bob.published[1]!
    let part = try open(published)
    #expect(stage { try open(published, at: part.notAfter + 300) } == nil)
    #expect(stage { try open(published, at: part.notAfter + 301) } == .validity)
    #expect(stage { try open(published, at: day - 301) } == .validity)
    #expect(stage { try open(mallory.published[1]!) } == .device)
    // Mallory's part under Mallory's keys, but offered as Bob's device of Mallory's account.
    #expect(stage { try open(mallory.published[1]!, device: mallory.device.listed(at: bob.relay)) } == .device)
    for offset in [published.count - 1, published.count - 3310, 1952 + 2 + 40] {
      var bent = published
      bent[offset] ^= 1
      #expect(stage { try open(bent) } == .signature)
    }
    #expect(stage { try open(Array(published.dropLast())) } == .encoding)
    #expect(stage { try open(published + [0]) } == .encoding)
  }

  // [prekeys.9] Signed by the device itself, and yet not a signed part.
  @Test func aBatchHasOneRootAndABoundedDepth() throws {
    let deepest = BatchRoot(batch: 5, depth: 8, root: .zero)
    let deeper = BatchRoot(batch: 5, depth: 9, root: .zero)
    let cases: [([BatchRoot], RefusalStage?)] = [
      ([deepest], nil), ([deepest, deepest], .encoding), ([deeper], .encoding),
    ]
    for (batches, expected) in cases {
      let signed = try SignedPrekey(
        id: 9, account: bob.account.id, device: bob.device.id, batches: batches, now: day, from: &bob.entropy)
      let published = try signed.part.published(signedBy: bob.device.signing)
      #expect(stage { try open(published) } == expected)
    }
  }

  // [prekeys.10]
  @Test func aSignedPartIsValidFor14DaysAtMost() throws {
    let content = try open(bob.published[1]!).encoded()
    let cases: [(UInt64, RefusalStage?)] = [(14 * 86_400, nil), (14 * 86_400 + 1, .validity), (0, .validity)]
    for (seconds, expected) in cases {
      var dates = WireWriter()
      dates.u64(day)
      dates.u64(day + seconds)
      let dated = Array(content.dropLast(16)) + dates.bytes
      var published = WireWriter()
      published.fixed(bob.device.signing.publicKey.postQuantum.bytes)
      published.vector(dated)
      published.fixed(try bob.device.signing.sign("signed part", dated).bytes)
      let bytes = published.bytes
      #expect(stage { try open(bytes) } == expected)
    }
  }

  // [prekeys.6] [prekeys.14]
  @Test func aRelayCannotSwapParts() throws {
    let keys = ContactKeys(bob.address)
    let key = keys.cardKey()
    var entropy = SeededEntropy(seed: 5)
    let mailbox = bob.device.mailbox
    let signed = SealedKind.signedPart(mailbox, id: 1).seal(bob.published[1]!, under: key, from: &entropy)
    let one = bob.parts[0]
    let sealed = SealedKind.oneTimePart(mailbox, batch: 1, index: 0).seal(one.encoded(), under: key, from: &entropy)
    func claim(_ spk: UInt64, _ batch: UInt64, _ index: UInt32) -> RefusalStage? {
      stage {
        try VerifiedBundle(
          card: bob.card, device: bob.device.id, spkID: spk, sealedSignedPart: signed,
          oneTime: (batch, index, sealed), keys: keys, now: day)
      }
    }
    #expect(claim(1, 1, 0) == nil)
    #expect(claim(2, 1, 0) == .seal)
    #expect(claim(1, 2, 0) == .seal)
    #expect(claim(1, 1, 1) == .seal)
    // Sealed by someone who has the address, under names that its content does not have.
    let lied = SealedKind.signedPart(mailbox, id: 8).seal(bob.published[1]!, under: key, from: &entropy)
    #expect(
      stage {
        try VerifiedBundle(
          card: bob.card, device: bob.device.id, spkID: 8, sealedSignedPart: lied, oneTime: nil, keys: keys, now: day)
      } == .device)
    let moved = SealedKind.oneTimePart(mailbox, batch: 1, index: 3).seal(one.encoded(), under: key, from: &entropy)
    #expect(
      stage {
        try VerifiedBundle(
          card: bob.card, device: bob.device.id, spkID: 1, sealedSignedPart: signed, oneTime: (1, 3, moved),
          keys: keys, now: day)
      } == .proof)
  }

  // [prekeys.7] [prekeys.8] [account.2]
  @Test func privateHalvesSurviveStorage() throws {
    let stored = bob.signedPrekeys[1]!.secret.copy()
    let signed = try SignedPrekey(decoding: stored)
    #expect(signed.encoded().revealed() == bob.signedPrekeys[1]!.secret.revealed())
    #expect(signed.keptUntil == day + (14 + 30) * 86_400)
    let device = try DeviceKeys(decoding: bob.device.encoded())
    #expect(device.listed(at: bob.relay) == bob.device.listed(at: bob.relay))
    let account = try AccountKeys(decoding: bob.account.encoded())
    #expect(account.id == bob.account.id && account.nextID == bob.account.nextID)
  }

  // [state.7]
  @Test func storedHalvesThatDoNotMatchAreRefused() throws {
    var bytes = bob.signedPrekeys[1]!.secret.revealed()
    bytes[1] ^= 8
    #expect(throws: (any Error).self) { _ = try SignedPrekey(decoding: Secret(copying: bytes)) }
    #expect(throws: (any Error).self) { _ = try SignedPrekey(decoding: Secret(copying: Array(bytes.dropLast()))) }
  }
}
