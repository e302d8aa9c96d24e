package import SottoCrypto
import SottoWire

/// The initiator's side: everything about the responder was verified before it starts (`VerifiedBundle`). [handshake.9]
enum InitiatorHandshake {
  struct Result: ~Copyable {
    let keys: HandshakeKeys
    let prelude: Prelude
  }

  /// - Parameters:
  ///   - bundle: the responder's verified prekeys.
  ///   - ephemeral: EK, fresh.
  ///   - encapsulation: to `bundle.kemKey`, fresh.
  ///   - card: our own card, which lists `device`.
  ///   - claims: the rest of box1.
  static func run(
    to bundle: VerifiedBundle, ephemeral: borrowing AgreementPrivateKey, encapsulation: consuming Encapsulation,
    as card: Card, device: borrowing DeviceKeys, replyPath: ReplyPath, generation: UInt32, reset: Bool
  ) throws(Refused) -> Result {
    let part = bundle.signedPart
    let c0 = KeySchedule.c0(
      account: bundle.card.account, device: bundle.device.id, identityKey: bundle.device.identityKey,
      ephemeralKey: ephemeral.publicKey)
    let first = KeySchedule.start(c0, dh2: try agreement(ephemeral, bundle.device.identityKey))
    let box0 = SingleUseKey(first.b()).seal(PrekeyIDs(of: bundle).encoded(), ad: c0.bytes)
    let ciphertext = encapsulation.ciphertext
    let c1 = KeySchedule.c1(
      c0, box0: box0, part: part, kind: bundle.kind, oneTimeKey: bundle.oneTime?.agreementKey, kemKey: bundle.kemKey,
      ciphertext: ciphertext)
    let dh3 = try agreement(ephemeral, part.signedKey)
    let dh4: Secret
    if let key = bundle.oneTime?.agreementKey {
      dh4 = try agreement(ephemeral, key)
    } else {
      dh4 = Secret(copying: [])
    }
    let ck2 = KeySchedule.withPrekeys(first.a(), dh3: dh3, dh4: dh4)
    let third = KeySchedule.withKEM(ck2, shared: encapsulation.secret(), c1)
    let claims = Box1.encode(
      card: card, device: device.id, replyPath: replyPath, generation: generation, reset: reset,
      seen: bundle.card.list.head)
    let box1 = SingleUseKey(third.b()).seal(claims, ad: c1.bytes)
    guard let listed = card.list.device(device.id), listed.identityKey == device.identity.publicKey else {
      throw Refused(.device)
    }
    let c2 = KeySchedule.c2(c1, box1: box1, card: card, device: listed)
    let dh1 = try agreement(device.identity, part.signedKey)
    let prelude = Prelude(ephemeralKey: ephemeral.publicKey, box0: box0, ciphertext: ciphertext, box1: box1)
    return Result(keys: KeySchedule.finish(third.a(), dh1: dh1, c2), prelude: prelude)
  }
}

extension VerifiedBundle {
  /// KEM_R: the one-time key, or the last resort.
  package var kemKey: KEMPublicKey { oneTime?.kemKey ?? signedPart.lastResortKey }
}

/// A low-order key is refused at the stage that has a name for it. [handshake.13]
func agreement(_ own: borrowing AgreementPrivateKey, _ other: AgreementPublicKey) throws(Refused) -> Secret {
  do { return try own.agree(with: other) } catch { throw Refused(.key) }
}
