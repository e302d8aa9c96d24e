import SottoCrypto
import SottoSession
import SottoSimulation
import SottoWire
import Testing

/// An IND-CCA secure KEM that binds its secret to no key: ML-KEM and an AEAD carry a secret that the encapsulator picks.
/// Whoever opens a ciphertext can make one for any other key, with the same secret; a ciphertext may even fit two keys.
enum NonBindingKEM {
  private static let count = KEMPublicKey.ciphertextCount + 32 + SingleUseKey.overhead

  static func encapsulate(_ secret: [UInt8], to keys: [KEMPublicKey]) throws -> [UInt8] {
    try keys.flatMap { key in
      let inner = try key.encapsulate()
      let ciphertext = inner.ciphertext
      return ciphertext + SingleUseKey(inner.secret()).seal(secret, ad: [])
    }
  }

  static func decapsulate(_ ciphertext: [UInt8], with key: borrowing KEMPrivateKey) throws -> [UInt8] {
    for start in stride(from: 0, to: ciphertext.count, by: count) {
      let inner = Array(ciphertext[start..<start + KEMPublicKey.ciphertextCount])
      let sealed = Array(ciphertext[start + inner.count..<start + count])
      let carrier = SingleUseKey(try key.decapsulate(inner))
      if let secret = try? carrier.open(sealed, ad: []) { return secret }
    }
    throw CryptoError.notAuthentic
  }
}

/// The session's keys name every key that made them, whatever the primitives leave open. [handshake.6]
@Suite(.sealsAreWatched) struct KEMBindingTests {
  let bob: Person
  /// Everything of the handshake but the KEM, as a relay that attacks would like to have it: the same on both sides.
  let c0: Digest
  let box0: [UInt8]

  init() throws {
    bob = try Person(seed: 2, now: day)
    var entropy = SeededEntropy(seed: 4)
    c0 = KeySchedule.c0(
      account: bob.account.id, device: bob.device.id, identityKey: bob.device.identity.publicKey,
      ephemeralKey: AgreementPrivateKey(from: &entropy).publicKey)
    box0 = entropy.bytes(48)
  }

  private func key(_ byte: UInt8) -> Secret { Secret(copying: [UInt8](repeating: byte, count: 32)) }

  private func c1(_ kemKey: KEMPublicKey, _ ciphertext: [UInt8]) throws -> Digest {
    KeySchedule.c1(
      c0, box0: box0, part: try bob.signedPart(), kind: .oneTime, oneTimeKey: bob.parts[0].agreementKey, kemKey: kemKey,
      ciphertext: ciphertext)
  }

  private func seal(to kemKey: KEMPublicKey, _ ciphertext: [UInt8], _ secret: [UInt8]) throws -> [UInt8] {
    let c1 = try c1(kemKey, ciphertext)
    let step = KeySchedule.withKEM(key(1), shared: Secret(copying: secret), c1)
    return SingleUseKey(step.b()).seal([1, 2, 3], ad: c1.bytes)
  }

  private func opens(_ box1: [UInt8], _ ciphertext: [UInt8], with own: borrowing KEMPrivateKey) throws -> Bool {
    let c1 = try c1(own.publicKey, ciphertext)
    let secret = try NonBindingKEM.decapsulate(ciphertext, with: own)
    let k1 = SingleUseKey(KeySchedule.withKEM(key(1), shared: Secret(copying: secret), c1).b())
    return (try? k1.open(box1, ad: c1.bytes)) != nil
  }

  // The relay has one KEM key of Bob's. It opens what Alice encapsulated to it and gives Bob the same secret under a key
  // that nobody else has: then all his keys would be as weak as the one.
  @Test func aReencapsulatedSecretOpensNothing() throws {
    var entropy = SeededEntropy(seed: 5)
    let stolen = try KEMPrivateKey(from: &entropy)
    let other = try KEMPrivateKey(from: &entropy)
    let secret = entropy.bytes(32)

    let sent = try NonBindingKEM.encapsulate(secret, to: [stolen.publicKey])
    let box1 = try seal(to: stolen.publicKey, sent, secret)
    #expect(try opens(box1, sent, with: stolen))
    let moved = try NonBindingKEM.encapsulate(
      try NonBindingKEM.decapsulate(sent, with: stolen), to: [other.publicKey])
    #expect(try NonBindingKEM.decapsulate(moved, with: other) == secret, "the KEM itself does not prevent it")
    #expect(try !opens(box1, moved, with: other))

    // Not even the ciphertext differs: the key itself must stand in c1.
    let both = try NonBindingKEM.encapsulate(secret, to: [stolen.publicKey, other.publicKey])
    let fitsBoth = try seal(to: stolen.publicKey, both, secret)
    #expect(try opens(fitsBoth, both, with: stolen))
    #expect(try NonBindingKEM.decapsulate(both, with: other) == secret)
    #expect(try !opens(fitsBoth, both, with: other))
  }

  // Each input of each hash, changed alone.
  @Test func everyInputOfTheTranscriptCounts() throws {
    var entropy = SeededEntropy(seed: 5)
    let mallory = try Person(seed: 9, now: day)
    let part = try bob.signedPart()
    let later = SignedPart(
      account: part.account, device: part.device, id: part.id, signedKey: part.signedKey,
      lastResortID: part.lastResortID, lastResortKey: part.lastResortKey, batches: part.batches,
      notBefore: part.notBefore, notAfter: part.notAfter + 1)
    let (one, two) = (bob.parts[0], bob.parts[1])
    let (ours, theirs) = (bob.device.identity.publicKey, mallory.device.identity.publicKey)

    func c0(
      _ account: AccountID? = nil, _ device: DeviceID? = nil, _ identity: AgreementPublicKey? = nil,
      _ ephemeral: AgreementPublicKey? = nil
    ) -> Digest {
      KeySchedule.c0(
        account: account ?? bob.account.id, device: device ?? bob.device.id, identityKey: identity ?? ours,
        ephemeralKey: ephemeral ?? one.agreementKey)
    }
    let firsts = [
      c0(), c0(mallory.account.id), c0(nil, mallory.device.id), c0(nil, nil, theirs), c0(nil, nil, nil, theirs),
    ]
    #expect(Set(firsts).count == firsts.count)

    func c1(
      _ c0: Digest, box0: [UInt8] = [0], part: SignedPart, kind: PrekeyKind = .oneTime,
      oneTimeKey: AgreementPublicKey?, kemKey: KEMPublicKey, ciphertext: [UInt8] = [1]
    ) -> Digest {
      KeySchedule.c1(
        c0, box0: box0, part: part, kind: kind, oneTimeKey: oneTimeKey, kemKey: kemKey, ciphertext: ciphertext)
    }
    let (opk, kem) = (one.agreementKey, one.kemKey)
    let seconds = [
      c1(firsts[0], part: part, oneTimeKey: opk, kemKey: kem),
      c1(firsts[1], part: part, oneTimeKey: opk, kemKey: kem),
      c1(firsts[0], box0: [1], part: part, oneTimeKey: opk, kemKey: kem),
      c1(firsts[0], part: later, oneTimeKey: opk, kemKey: kem),
      c1(firsts[0], part: part, kind: .lastResort, oneTimeKey: opk, kemKey: kem),
      c1(firsts[0], part: part, oneTimeKey: two.agreementKey, kemKey: kem),
      c1(firsts[0], part: part, oneTimeKey: nil, kemKey: kem),
      c1(firsts[0], part: part, oneTimeKey: opk, kemKey: two.kemKey),
      c1(firsts[0], part: part, oneTimeKey: opk, kemKey: kem, ciphertext: [2]),
    ]
    #expect(Set(seconds).count == seconds.count)

    func c2(
      _ c1: Digest, box1: [UInt8] = [0], account: AccountID? = nil, list: Digest = .zero, device: DeviceID? = nil,
      identity: AgreementPublicKey? = nil
    ) -> Digest {
      KeySchedule.c2(
        c1, box1: box1, account: account ?? bob.account.id, listHash: list, device: device ?? bob.device.id,
        identityKey: identity ?? ours)
    }
    let thirds = [
      c2(seconds[0]), c2(seconds[1]), c2(seconds[0], box1: [1]), c2(seconds[0], account: mallory.account.id),
      c2(seconds[0], list: seconds[0]), c2(seconds[0], device: mallory.device.id), c2(seconds[0], identity: theirs),
    ]
    #expect(Set(thirds).count == thirds.count)
    let random = entropy.bytes(32)

    // The secrets, and where the transcript enters.
    let starts = ([(firsts[0], 1), (firsts[1], 1), (firsts[0], 2)] as [(Digest, UInt8)]).map { c0, byte in
      KeySchedule.start(c0, dh2: key(byte)).both().revealed()
    }
    let middles = ([(1, 1, 1), (2, 1, 1), (1, 2, 1), (1, 1, 2)] as [(UInt8, UInt8, UInt8)]).map { ck0, dh3, dh4 in
      KeySchedule.withPrekeys(key(ck0), dh3: key(dh3), dh4: key(dh4)).revealed()
    }
    let kems =
      ([(1, 1, seconds[0]), (2, 1, seconds[0]), (1, 2, seconds[0]), (1, 1, seconds[1])] as [(UInt8, UInt8, Digest)]).map
    { ck2, shared, c1 in
      KeySchedule.withKEM(key(ck2), shared: key(shared), c1).both().revealed()
    }
    let roots =
      ([(1, 1, thirds[0]), (2, 1, thirds[0]), (1, 2, thirds[0]), (1, 1, thirds[1])] as [(UInt8, UInt8, Digest)]).map {
        ck3, dh1, c2 in
        KeySchedule.finish(key(ck3), dh1: key(dh1), c2).root.secret.revealed()
      }
    for outputs in [starts, middles, kems, roots] { #expect(Set(outputs + [random]).count == outputs.count + 1) }
  }
}
