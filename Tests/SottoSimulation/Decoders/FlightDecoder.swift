import SottoCrypto
import SottoSession
import SottoWire

extension Decoder {
  /// What a stranger with the address can put into a first flight: box0 and box1 sealed as they must be, the card signed.
  static let flights = Decoder(
    "flights", limit: 8192,
    oneOf: [
      { try ids($0) },
      { try claims($0) },
      { try claims(Padding.pad(Stage.shared.alice.card.encoded() + $0, to: 8192 + $0.count)) },
      { try signedClaims($0) },
    ])

  private static func ids(_ bytes: [UInt8]) throws -> Bool {
    guard bytes.count >= 32 else { return false }
    let plaintext = Array(bytes[..<32])
    let read = try? PrekeyIDs(decoding: plaintext)
    let opened = try? Flight.shared.opening(ids: plaintext)
    try promise(read == opened, "box0 says something else than its bytes")
    return opened != nil
  }

  /// Bytes of box1. What is believed encodes to the same bytes.
  private static func claims(_ bytes: [UInt8]) throws -> Bool {
    guard let initiator = try? Flight.shared.initiator(claims: bytes) else { return false }
    let encoded = Box1.encode(
      card: initiator.card, device: initiator.device.id, replyPath: initiator.replyPath,
      generation: initiator.generation, reset: initiator.reset, seen: initiator.seen)
    // How many blocks is the author's choice.
    try promise(
      try Padding.unpad(encoded) == Padding.unpad(bytes) && 1...Limits.generation ~= initiator.generation,
      "box1 has a second spelling")
    try promise(initiator.card.account == Stage.shared.alice.account.id, "a forged card")
    return true
  }

  /// Bytes of a device list, signed if they are one of Alice's.
  private static func signedClaims(_ bytes: [UInt8]) throws -> Bool {
    let stage = Stage.shared
    guard let list = try? DeviceList(decoding: bytes), list.account == stage.alice.account.id else { return false }
    let card = try Card(list, signedBy: stage.alice.account)
    return try claims(
      Box1.encode(
        card: card, device: list.devices[0].id, replyPath: stage.alice.replyPath(), generation: 1, reset: false,
        seen: list.head))
  }
}

/// A first flight from Alice to Bob up to the keys of both boxes; the boxes are the caller's.
private final class Flight: @unchecked Sendable {
  static let shared = Flight()

  private let ephemeralKey: AgreementPublicKey
  private let c0: Digest
  private let c1: Digest
  private let key0: SecretBox
  private let key1: SecretBox
  private let box0: [UInt8]
  private let ciphertext: [UInt8]
  private let signedPrekey: SignedPrekey
  private let oneTime: OneTimePrekey

  private init() {
    let stage = Stage.shared
    let (bundle, part) = (stage.bundle, stage.bundle.signedPart)
    let ephemeral = try! AgreementPrivateKey(Secret(copying: [UInt8](repeating: 21, count: 32)))
    ephemeralKey = ephemeral.publicKey
    c0 = KeySchedule.c0(
      account: bundle.card.account, device: bundle.device.id, identityKey: bundle.device.identityKey,
      ephemeralKey: ephemeral.publicKey)
    let first = KeySchedule.start(c0, dh2: try! ephemeral.agree(with: bundle.device.identityKey))
    key0 = SecretBox(first.b())
    box0 = SingleUseKey(first.b()).seal(PrekeyIDs(of: bundle).encoded(), ad: c0.bytes)
    let encapsulation = try! bundle.kemKey.encapsulate()
    ciphertext = encapsulation.ciphertext
    c1 = KeySchedule.c1(
      c0, box0: box0, part: part, kind: bundle.kind, oneTimeKey: bundle.oneTime?.agreementKey, kemKey: bundle.kemKey,
      ciphertext: ciphertext)
    let ck2 = KeySchedule.withPrekeys(
      first.a(), dh3: try! ephemeral.agree(with: part.signedKey),
      dh4: try! ephemeral.agree(with: bundle.oneTime!.agreementKey))
    key1 = SecretBox(KeySchedule.withKEM(ck2, shared: encapsulation.secret(), c1).b())
    signedPrekey = try! SignedPrekey(decoding: stage.bob.signedPrekeys[part.id]!.secret.copy())
    let (batch, index) = (bundle.oneTime!.batch, bundle.oneTime!.index)
    oneTime = try! OneTimePrekey(
      batch: batch, index: index,
      decoding: stage.bob.oneTime[Person.OneTimeKeyName(batch: batch, index: index)]!.secret)
  }

  func opening(ids: [UInt8]) throws -> PrekeyIDs {
    let box0 = SingleUseKey(key0.secret.copy()).seal(ids, ad: c0.bytes)
    return try open(Prelude(ephemeralKey: ephemeralKey, box0: box0, ciphertext: ciphertext, box1: [])).ids
  }

  func initiator(claims: [UInt8]) throws -> Initiator {
    let box1 = SingleUseKey(key1.secret.copy()).seal(claims, ad: c1.bytes)
    let opening = try open(Prelude(ephemeralKey: ephemeralKey, box0: box0, ciphertext: ciphertext, box1: box1))
    let unverified = try opening.respond(signedPrekey: signedPrekey, oneTime: oneTime, now: Stage.shared.now)
    return try unverified.verified(known: nil, now: Stage.shared.now).initiator
  }

  private func open(_ prelude: Prelude) throws -> HandshakeOpening {
    try prelude.openIDs(Stage.shared.bob.device, of: Stage.shared.bob.account.id)
  }
}
