import SottoCrypto
import SottoSession
import SottoSimulation
import SottoWire
import Testing

/// A malicious bundle, whoever made it: refused before anything is encapsulated.
@Suite(.sealsAreForged) struct BundleAttackTests {
  let bob: Person
  let mallory: Person
  let honest: Served

  init() throws {
    bob = try Person(seed: 2, now: day)
    mallory = try Person(seed: 9, now: day)
    honest = Served(bob)
  }

  private func refusal(at now: UnixTime = day, _ change: (inout Served) throws -> Void) throws -> RefusalStage? {
    var served = honest
    try change(&served)
    return served.refusal(now: now)
  }

  @Test func theHonestBundleIsAccepted() throws {
    let bundle = try honest.bundle()
    #expect(bundle.kind == .oneTime && bundle.card == bob.card && bundle.oneTime == bob.parts[0])
  }

  // Both halves of both signatures: bent, zero, somebody else's, over something else, and missing.
  @Test func everyHalfOfEverySignatureCounts() throws {
    let mallorys = Served(mallory)
    for (path, otherPath) in [(\Served.card, \Served.signedPart), (\Served.signedPart, \Served.card)] {
      let unsigned = Array(honest[keyPath: path].dropLast(HybridSignature.count))
      let genuine = Array(honest[keyPath: path].suffix(HybridSignature.count))
      let foreign = Array(mallorys[keyPath: path].suffix(HybridSignature.count))
      let other = Array(honest[keyPath: otherPath].suffix(HybridSignature.count))
      func refused(_ signature: [UInt8]) throws -> RefusalStage? {
        try refusal { $0[keyPath: path] = unsigned + signature }
      }
      #expect(try refused(genuine) == nil && refused(foreign) == .signature && refused(other) == .signature)
      for half in [0..<VerifyingKey.signatureCount, VerifyingKey.signatureCount..<HybridSignature.count] {
        var bent = genuine
        bent[half.lowerBound + half.count / 2] ^= 1
        #expect(try refused(bent) == .signature)
        for bytes in [foreign, other, [UInt8](repeating: 0, count: HybridSignature.count)] {
          var exchanged = genuine
          exchanged.replaceSubrange(half, with: bytes[half])
          #expect(try refused(exchanged) == .signature)
        }
        #expect(try refused(Array(genuine[half])) == .encoding)
      }
      #expect(try refused([]) == .encoding)
    }
  }

  // Every field one byte shorter and one longer. What a signature covers is signed again by its owner, so that it is the
  // length alone that is refused.
  @Test func everyLengthIsExact() throws {
    let part = try bob.signedPart()
    let content = part.encoded()
    let list = bob.card.list.encoded()
    let device = bob.device.listed(at: bob.relay)
    func lengths(_ field: [UInt8]) -> [[UInt8]] { [Array(field.dropLast()), field + [0]] }
    for field in [
      part.account.bytes, part.device.bytes, part.signedKey.bytes, part.lastResortKey.bytes, part.batches[0].root.bytes,
    ] {
      for other in lengths(field) {
        let bent = try bob.publish(part: try content.replacing(field, with: other))
        #expect(try refusal { $0.signedPart = bent } == .encoding)
      }
    }
    for field in [
      bob.account.id.bytes, bob.account.nextID.bytes, device.id.bytes, device.signingKey.bytes,
      device.postQuantumKeyHash.bytes, device.identityKey.bytes, device.mailbox.bytes,
    ] {
      for other in lengths(field) {
        let bent = try bob.publish(list: try list.replacing(field, with: other))
        #expect(try refusal { $0.card = bent } == .encoding)
      }
    }
    let one = bob.parts[0]
    for field in [one.agreementKey.bytes, one.kemKey.bytes, one.path[0].bytes, one.path[1].bytes] {
      for other in lengths(field) {
        #expect(try refusal { $0.oneTime = try $0.oneTime!.replacing(field, with: other) } == .encoding)
      }
    }
    // What stands around the signed content.
    for (path, keys) in [
      (\Served.card, [bob.account.signing.publicKey.classical.bytes, bob.account.signing.publicKey.postQuantum.bytes]),
      (\Served.signedPart, [bob.device.signing.publicKey.postQuantum.bytes]),
    ] {
      for field in keys + [Array(honest[keyPath: path].suffix(HybridSignature.count))] {
        for other in lengths(field) {
          #expect(try refusal { $0[keyPath: path] = try $0[keyPath: path].replacing(field, with: other) } == .encoding)
        }
      }
    }
  }

  // A coefficient of 4095, and the least that is too large, 3329: in either KEM key, signed by its owner.
  @Test func aKEMKeyOutsideTheModulusIsRefused() throws {
    let part = try bob.signedPart()
    for head: [UInt8] in [[0xff, 0x0f], [0x01, 0x0d]] {
      func bent(_ key: KEMPublicKey) -> [UInt8] { [head[0], head[1] | key.bytes[1] & 0xf0] + key.bytes.dropFirst(2) }
      let signed = try bob.publish(
        part: try part.encoded().replacing(part.lastResortKey.bytes, with: bent(part.lastResortKey)))
      #expect(try refusal { $0.signedPart = signed } == .encoding)
      let key = bob.parts[0].kemKey
      #expect(try refusal { $0.oneTime = try $0.oneTime!.replacing(key.bytes, with: bent(key)) } == .encoding)
    }
    // 3328 is a coefficient.
    let largest = [0x00, 0x0d | part.lastResortKey.bytes[1] & 0xf0] + part.lastResortKey.bytes.dropFirst(2)
    let signed = try bob.publish(part: try part.encoded().replacing(part.lastResortKey.bytes, with: largest))
    #expect(try refusal { $0.signedPart = signed } == nil)
  }

  @Test func whatIsNotValidNowIsRefused() throws {
    let part = try bob.signedPart()
    #expect(try refusal(at: part.notAfter + 300) { _ in } == nil)
    #expect(try refusal(at: part.notAfter + 301) { _ in } == .validity)
    #expect(try refusal(at: part.notBefore - 300) { _ in } == nil)
    #expect(try refusal(at: part.notBefore - 301) { _ in } == .validity)
    // The part begins after the card.
    try bob.publishPrekeys(id: 3, depth: 0, now: day + 1000)
    var early = honest
    (early.signedPart, early.spkID, early.oneTime) = (bob.published[3]!, 3, nil)
    #expect(early.refusal(now: day + 700) == nil)
    #expect(early.refusal(now: day + 699) == .validity)
    // The card goes on for longer than the part.
    let late = bob.card.list.notAfter
    try bob.publishPrekeys(id: 2, depth: 0, now: late)
    var renewed = honest
    (renewed.signedPart, renewed.spkID, renewed.oneTime) = (bob.published[2]!, 2, nil)
    #expect(renewed.refusal(now: late + 300) == nil)
    #expect(renewed.refusal(now: late + 301) == .validity)
  }

  // Old prekeys, or Bob's under another number, cannot be told from fresh ones by their signature: the numbers are inside.
  @Test func everyNumberIsTheOneInside() throws {
    #expect(try refusal { $0.spkID = 2 } == .device)
    #expect(try refusal { $0.batch = 2 } == .proof)
    #expect(try refusal { $0.index = 1 } == .proof)
    // Signed by the device itself, for another account or another device.
    let content = try bob.signedPart().encoded()
    for (own, other) in [
      (bob.account.id.bytes, mallory.account.id.bytes), (bob.device.id.bytes, mallory.device.id.bytes),
    ] {
      let part = try bob.publish(part: try content.replacing(own, with: other))
      #expect(try refusal { $0.signedPart = part } == .device)
    }
    let list = bob.card.list
    let second = DeviceList(
      account: list.account, sequence: 2, previous: list.hash, notBefore: list.notBefore, notAfter: list.notAfter,
      nextAccount: list.nextAccount, relays: list.relays, devices: list.devices)
    #expect(try refusal { $0.card = try Card(second, signedBy: bob.account).encoded() } == .chain)
  }

  // Two devices of one name, one key or one mailbox; two batches of one number: signed by their owner, and refused.
  @Test func duplicatesAreRefused() throws {
    let list = bob.card.list
    let (one, two) = (list.devices[0], mallory.device.listed(at: bob.relay))
    func doubled(
      id: DeviceID? = nil, signingKey: VerifyingKey? = nil, identityKey: AgreementPublicKey? = nil,
      mailbox: MailboxID? = nil
    ) throws -> [UInt8] {
      let other = Device(
        id: id ?? two.id, signingKey: signingKey ?? two.signingKey, postQuantumKeyHash: two.postQuantumKeyHash,
        identityKey: identityKey ?? two.identityKey, relay: two.relay, mailbox: mailbox ?? two.mailbox,
        versions: two.versions)
      let doubled = DeviceList(
        account: list.account, sequence: 1, previous: .zero, notBefore: list.notBefore, notAfter: list.notAfter,
        nextAccount: list.nextAccount, relays: list.relays, devices: [one, other])
      return try Card(doubled, signedBy: bob.account).encoded()
    }
    #expect(try refusal { $0.card = try doubled() } == nil)
    #expect(try refusal { $0.card = try doubled(id: one.id) } == .encoding)
    #expect(try refusal { $0.card = try doubled(signingKey: one.signingKey) } == .encoding)
    #expect(try refusal { $0.card = try doubled(identityKey: one.identityKey) } == .encoding)
    #expect(try refusal { $0.card = try doubled(mailbox: one.mailbox) } == .encoding)
    let root = try bob.signedPart().batches[0]
    let twice = try SignedPrekey(
      id: 1, account: bob.account.id, device: bob.device.id,
      batches: [root, BatchRoot(batch: root.batch, depth: 0, root: .zero)], now: day, from: &bob.entropy)
    #expect(try refusal { $0.signedPart = try bob.publish(part: twice.part.encoded()) } == .encoding)
  }

  // A Merkle path of four leaves: another place, another sibling, one level less, one more, a leaf beyond the last.
  @Test func everyBadProofIsRefused() throws {
    let one = bob.parts[0]
    func part(
      _ index: UInt32 = 0, path: [Digest]? = nil, batch: UInt64 = 1, keys: OneTimeKeys? = nil
    ) -> OneTimeKeys {
      let keys = keys ?? one
      return OneTimeKeys(
        batch: batch, index: index, agreementKey: keys.agreementKey, kemKey: keys.kemKey, path: path ?? one.path)
    }
    func refused(_ part: OneTimeKeys, signed: [UInt8]? = nil) throws -> RefusalStage? {
      try refusal {
        ($0.oneTime, $0.batch, $0.index) = (part.encoded(), part.batch, part.index)
        if let signed { $0.signedPart = signed }
      }
    }
    #expect(try refused(part()) == nil)
    for index: UInt32 in [1, 2, 3, 4, 1 << 31, .max] { #expect(try refused(part(index)) == .proof) }
    let siblings = one.path
    for path in [
      [], [siblings[0]], [siblings[1]], Array(siblings.reversed()), siblings + [siblings[0]], [siblings[0], .zero],
      [.zero, siblings[1]],
    ] {
      #expect(try refused(part(path: path)) == .proof)
    }
    #expect(try refused(part(keys: bob.parts[1])) == .proof)
    #expect(try refused(part(batch: 2)) == .proof)
    // What its owner signed, but for another number of leaves, or with an index that the batch does not have.
    let root = try bob.signedPart().batches[0]
    func signed(_ root: BatchRoot) throws -> [UInt8] {
      let part = try SignedPrekey(
        id: 1, account: bob.account.id, device: bob.device.id, batches: [root], now: day, from: &bob.entropy)
      return try bob.publish(part: part.part.encoded())
    }
    #expect(try refused(part(), signed: signed(root)) == nil)
    for depth: UInt8 in [0, 1, 3, 8] {
      let other = BatchRoot(batch: 1, depth: depth, root: root.root)
      #expect(try refused(part(), signed: signed(other)) == .proof)
    }
    #expect(try refused(part(), signed: signed(BatchRoot(batch: 1, depth: 9, root: root.root))) == .encoding)
    let beyond = part(4, path: [])
    let leaf = OneTimeKeys.leaf(device: bob.device.id, beyond)
    #expect(try refused(beyond, signed: signed(BatchRoot(batch: 1, depth: 0, root: leaf))) == .proof)
    // Another device's leaf.
    let foreign = OneTimeKeys.leaf(device: mallory.device.id, part(path: []))
    #expect(
      try refused(part(path: []), signed: signed(BatchRoot(batch: 1, depth: 0, root: foreign))) == .proof)
  }
}
