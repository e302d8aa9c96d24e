import SottoCrypto
import SottoSession
import SottoSimulation
import SottoWire

/// A first flight made by hand, every part of which a test can falsify: what a malicious initiator is able to send.
enum CraftedFlight {
  /// Bytes of a flight that is as honest as its parts.
  static func make(
    from alice: Person, to bundle: VerifiedBundle, ids: [UInt8]? = nil, claims: [UInt8]? = nil, card: Card? = nil,
    device: Device? = nil
  ) throws -> [UInt8] {
    let card = card ?? alice.card
    let device = device ?? alice.device.listed(at: alice.relay)
    let ephemeral = AgreementPrivateKey(from: &alice.entropy)
    let part = bundle.signedPart
    let c0 = KeySchedule.c0(
      account: bundle.card.account, device: bundle.device.id, identityKey: bundle.device.identityKey,
      ephemeralKey: ephemeral.publicKey)
    let first = KeySchedule.start(c0, dh2: try ephemeral.agree(with: bundle.device.identityKey))
    let box0 = SingleUseKey(first.b()).seal(ids ?? PrekeyIDs(of: bundle).encoded(), ad: c0.bytes)
    let kemKey = bundle.oneTime?.kemKey ?? part.lastResortKey
    let encapsulation = try kemKey.encapsulate()
    let ciphertext = encapsulation.ciphertext
    let c1 = KeySchedule.c1(
      c0, box0: box0, part: part, kind: bundle.kind, oneTimeKey: bundle.oneTime?.agreementKey, kemKey: kemKey,
      ciphertext: ciphertext)
    let dh3 = try ephemeral.agree(with: part.signedKey)
    let dh4 = try bundle.oneTime.map { SecretBox(try ephemeral.agree(with: $0.agreementKey)) }
    let ck2 = KeySchedule.withPrekeys(
      first.a(), dh3: dh3, dh4: dh4?.secret.copy() ?? Secret(copying: []))
    let third = KeySchedule.withKEM(ck2, shared: encapsulation.secret(), c1)
    let honest = Box1.encode(
      card: card, device: device.id, replyPath: try alice.replyPath(), generation: 1, reset: false,
      seen: bundle.card.list.head)
    let box1 = SingleUseKey(third.b()).seal(claims ?? honest, ad: c1.bytes)
    let c2 = KeySchedule.c2(c1, box1: box1, card: card, device: device)
    let keys = KeySchedule.finish(third.a(), dh1: try alice.device.identity.agree(with: part.signedKey), c2)
    var ratchet = try Ratchet(
      initiator: keys, remote: part.signedKey, own: AgreementPrivateKey(from: &alice.entropy))
    var writer = WireWriter()
    Prelude(ephemeralKey: ephemeral.publicKey, box0: box0, ciphertext: ciphertext, box1: box1).write(to: &writer)
    let content = alice.text("crafted", at: day).encoded()
    let fixed = 129 + writer.bytes.count
    let size = SizeClass(holding: fixed + content.count + 1)!.rawValue
    return Envelope.encode(
      prelude: writer.bytes,
      message: ratchet.seal(Padding.pad(content, to: size - fixed), from: &alice.entropy))
  }
}
