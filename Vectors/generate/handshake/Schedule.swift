import SottoCrypto
import SottoSession
import SottoWire

/// Everything that goes into the keys of a handshake, as its initiator has it. Each part can be falsified.
struct ScheduleInput {
  var account: AccountID
  var device: DeviceID
  var identityKey: AgreementPublicKey
  var ephemeralKey: AgreementPublicKey
  /// The plaintext of box0.
  var ids: [UInt8]
  var part: SignedPart
  var kind: PrekeyKind
  var oneTimeKey: AgreementPublicKey?
  var kemKey: KEMPublicKey
  var ciphertext: [UInt8]
  var kemSecret: [UInt8]
  /// dh1 to dh4; the last is empty without a one-time key.
  var agreements: [[UInt8]]
  /// The plaintext of box1, padded.
  var claims: [UInt8]
  var initiatorAccount: AccountID
  var listHash: Digest
  var initiatorDevice: DeviceID
  var initiatorIdentityKey: AgreementPublicKey

  func run() -> ScheduleOutput {
    let c0 = KeySchedule.c0(account: account, device: device, identityKey: identityKey, ephemeralKey: ephemeralKey)
    let first = KeySchedule.start(c0, dh2: Secret(copying: agreements[1]))
    let box0 = SingleUseKey(first.b()).seal(ids, ad: c0.bytes)
    let c1 = KeySchedule.c1(
      c0, box0: box0, part: part, kind: kind, oneTimeKey: oneTimeKey, kemKey: kemKey, ciphertext: ciphertext)
    let ck2 = KeySchedule.withPrekeys(
      first.a(), dh3: Secret(copying: agreements[2]), dh4: Secret(copying: agreements[3]))
    let third = KeySchedule.withKEM(ck2, shared: Secret(copying: kemSecret), c1)
    let box1 = SingleUseKey(third.b()).seal(claims, ad: c1.bytes)
    let c2 = KeySchedule.c2(
      c1, box1: box1, account: initiatorAccount, listHash: listHash, device: initiatorDevice,
      identityKey: initiatorIdentityKey)
    let keys = KeySchedule.finish(third.a(), dh1: Secret(copying: agreements[0]), c2)
    return ScheduleOutput(
      c0: c0, ck0: first.a().revealed(), k0: first.b().revealed(), c1: c1, ck2: ck2.revealed(),
      ck3: third.a().revealed(), k1: third.b().revealed(), sid: c2, root: keys.root.secret.revealed(),
      initiatorHeader: keys.initiatorHeader.bytes().revealed(),
      responderHeader: keys.responderHeader.bytes().revealed(),
      prelude: Prelude(ephemeralKey: ephemeralKey, box0: box0, ciphertext: ciphertext, box1: box1))
  }
}

struct ScheduleOutput {
  let c0: Digest
  let ck0, k0: [UInt8]
  let c1: Digest
  let ck2, ck3, k1: [UInt8]
  /// c2.
  let sid: Digest
  let root, initiatorHeader, responderHeader: [UInt8]
  let prelude: Prelude

  func keys() -> HandshakeKeys {
    HandshakeKeys(
      sid: sid, root: RootKey(Secret(copying: root)), initiatorHeader: HeaderKey(Secret(copying: initiatorHeader)),
      responderHeader: HeaderKey(Secret(copying: responderHeader)))
  }

  var encodedPrelude: [UInt8] {
    var writer = WireWriter()
    prelude.write(to: &writer)
    return writer.bytes
  }
}

extension ScheduleInput {
  /// The example of Specs/Handshake.md, whose ciphertext and box1 are not from a real initiator: nothing in it is signed
  /// or encapsulated, so nothing of it has to be recorded. The ratchet's vectors continue it.
  static func example(_ cast: Cast, _ kind: PrekeyKind = .oneTime) throws -> ScheduleInput {
    let (responder, initiator) = (cast.responder, cast.initiator)
    let part = responder.signedPrekey.part
    let oneTime = kind == .oneTime ? responder.batch.parts[0] : nil
    let ephemeral = try AgreementPrivateKey(Secret(copying: seq(0x81, 32)))
    let ciphertext = [UInt8](repeating: 0, count: KEMPublicKey.ciphertextCount)
    func dh(_ own: borrowing AgreementPrivateKey, _ other: AgreementPublicKey) throws -> [UInt8] {
      try own.agree(with: other).revealed()
    }
    return ScheduleInput(
      account: responder.account.id, device: responder.device.id, identityKey: responder.device.identity.publicKey,
      ephemeralKey: ephemeral.publicKey,
      ids: PrekeyIDs(
        spkID: part.id, kind: kind, id: oneTime?.batch ?? part.lastResortID, index: oneTime?.index ?? 0
      ).encoded(),
      part: part, kind: kind, oneTimeKey: oneTime?.agreementKey, kemKey: oneTime?.kemKey ?? part.lastResortKey,
      ciphertext: ciphertext,
      kemSecret: try oneTime == nil
        ? responder.signedPrekey.lastResort.decapsulate(ciphertext).revealed()
        : responder.oneTimePrekey(0).kemKey.decapsulate(ciphertext).revealed(),
      agreements: [
        try dh(initiator.device.identity, part.signedKey),
        try dh(ephemeral, responder.device.identity.publicKey), try dh(ephemeral, part.signedKey),
        try oneTime.map { try dh(ephemeral, $0.agreementKey) } ?? [],
      ],
      claims: [0x80] + [UInt8](repeating: 0, count: 255), initiatorAccount: initiator.account.id,
      listHash: Digest.of("list", Array("example".utf8)), initiatorDevice: initiator.device.id,
      initiatorIdentityKey: initiator.device.identity.publicKey)
  }
}

extension Player {
  /// The private half of a one-time part.
  func oneTimePrekey(_ index: UInt32) throws -> OneTimePrekey {
    try OneTimePrekey(batch: batch.root.batch, index: index, decoding: batch.secrets[Int(index)].secret)
  }
}
