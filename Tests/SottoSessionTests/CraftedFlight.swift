import SottoCrypto
import SottoSession
import SottoSimulation
import SottoWire

/// A first flight made by hand, every part of which a test can falsify: what a malicious initiator is able to send.
enum CraftedFlight {
  /// The keys of a handshake, wherever they were taken from.
  struct Keys {
    var kind: PrekeyKind
    var oneTimeKey: AgreementPublicKey?
    var kemKey: KEMPublicKey

    init(_ bundle: VerifiedBundle) {
      kind = bundle.kind
      oneTimeKey = bundle.oneTime?.agreementKey
      kemKey = bundle.kemKey
    }
  }

  /// Bytes of a flight that is as honest as its parts.
  ///
  /// - Parameters:
  ///   - shared: a secret instead of the one that was encapsulated.
  ///   - dh1: what its author can compute instead of DH(IK_I, SPK).
  ///   - ratchetKey: bytes of a first ratchet key; its author takes the result of the agreement to be zero.
  static func make(
    from alice: Person, to bundle: VerifiedBundle, ids: [UInt8]? = nil, keys: Keys? = nil, claims: [UInt8]? = nil,
    card: Card? = nil, device: Device? = nil, shared: SecretBox? = nil, dh1: SecretBox? = nil,
    ratchetKey: [UInt8]? = nil
  ) throws -> [UInt8] {
    let card = card ?? alice.card
    let device = device ?? alice.device.listed(at: alice.relay)
    let keys = keys ?? Keys(bundle)
    let ephemeral = AgreementPrivateKey(from: &alice.entropy)
    let part = bundle.signedPart
    let c0 = KeySchedule.c0(
      account: bundle.card.account, device: bundle.device.id, identityKey: bundle.device.identityKey,
      ephemeralKey: ephemeral.publicKey)
    let first = KeySchedule.start(c0, dh2: try ephemeral.agree(with: bundle.device.identityKey))
    let box0 = SingleUseKey(first.b()).seal(ids ?? PrekeyIDs(of: bundle).encoded(), ad: c0.bytes)
    let encapsulation = try keys.kemKey.encapsulate()
    let ciphertext = encapsulation.ciphertext
    let c1 = KeySchedule.c1(
      c0, box0: box0, part: part, kind: keys.kind, oneTimeKey: keys.oneTimeKey, kemKey: keys.kemKey,
      ciphertext: ciphertext)
    let dh3 = try ephemeral.agree(with: part.signedKey)
    let dh4 = try keys.oneTimeKey.map { SecretBox(try ephemeral.agree(with: $0)) }
    let ck2 = KeySchedule.withPrekeys(
      first.a(), dh3: dh3, dh4: dh4?.secret.copy() ?? Secret(copying: []))
    let encapsulated = SecretBox(encapsulation.secret())
    let third = KeySchedule.withKEM(ck2, shared: (shared ?? encapsulated).secret, c1)
    let honest = Box1.encode(
      card: card, device: device.id, replyPath: try alice.replyPath(), generation: 1, reset: false,
      seen: bundle.card.list.head)
    let box1 = SingleUseKey(third.b()).seal(claims ?? honest, ad: c1.bytes)
    let c2 = KeySchedule.c2(c1, box1: box1, card: card, device: device)
    let dh1 = try dh1 ?? SecretBox(alice.device.identity.agree(with: part.signedKey))
    let prelude = Prelude(ephemeralKey: ephemeral.publicKey, box0: box0, ciphertext: ciphertext, box1: box1)
    return try envelope(
      prelude, KeySchedule.finish(third.a(), dh1: dh1.secret, c2), to: part.signedKey, from: alice, ratchetKey)
  }

  private static func envelope(
    _ prelude: Prelude, _ keys: consuming HandshakeKeys, to signedKey: AgreementPublicKey, from alice: Person,
    _ ratchetKey: [UInt8]?
  ) throws -> [UInt8] {
    var writer = WireWriter()
    prelude.write(to: &writer)
    let content = alice.text("crafted", at: day).encoded()
    let fixed = 129 + writer.bytes.count
    let padded = Padding.pad(content, to: SizeClass(holding: fixed + content.count + 1)!.rawValue - fixed)
    guard let ratchetKey else {
      var ratchet = try Ratchet(initiator: keys, remote: signedKey, own: AgreementPrivateKey(from: &alice.entropy))
      return Envelope.encode(prelude: writer.bytes, message: ratchet.seal(padded, from: &alice.entropy))
    }
    let step = keys.root.step(Secret(copying: [UInt8](repeating: 0, count: 32)))
    let header = ratchetKey + [UInt8](repeating: 0, count: 8)
    let sealed = keys.initiatorHeader.key.seal(header, ad: keys.sid.bytes, from: &alice.entropy)
    return Envelope.encode(
      prelude: writer.bytes, message: step.chain.step().message.seal(padded, sid: keys.sid, header: sealed))
  }
}
