import SottoCrypto
import SottoSession
import SottoWire

/// The inputs of handshake/initiate: the initiator of the cast begins a session with the responder.
struct InitiateInput {
  let cast: Cast
  var card: [UInt8]
  var signedPart: (id: UInt64, sealed: [UInt8])
  var oneTime: (batch: UInt64, index: UInt32, sealed: [UInt8])?
  var ownKeys: [UInt8]
  var replyPath: ReplyPath
  var generation: UInt32 = 1
  var reset = false
  var ciphertext: [UInt8]
  var kemSecret: [UInt8]
  var now = Cast.now
  static let ephemeral = seq(0x81, 32)
  static let ratchetKey = seq(0x91, 32)

  init(_ cast: Cast, _ kind: PrekeyKind, _ recorded: Recorded) throws {
    self.cast = cast
    let responder = cast.responder
    card = responder.card.encoded()
    signedPart = (responder.signedPrekey.part.id, responder.sealedSignedPart())
    oneTime = kind == .oneTime ? (responder.batch.root.batch, 0, responder.sealedOneTimePart(0)) : nil
    ownKeys = cast.initiator.device.encoded().revealed()
    replyPath = cast.initiator.replyPath
    (ciphertext, kemSecret) = try recorded.encapsulated(cast, kind)
  }

  /// What is recorded because it contains a signature, or is an encapsulation.
  var given: Named {
    [
      "card": .bytes(card), "signed_part": .bytes(signedPart.sealed), "ciphertext": .bytes(ciphertext),
      "kem_secret": .bytes(kemSecret), "own_card": .bytes(cast.initiator.card.encoded()),
    ]
  }

  var input: Named {
    var fields: Named = [
      "contact_secret": .bytes(cast.responder.contactSecret.bytes),
      "device": .bytes(cast.responder.device.id.bytes), "spk_id": .number(Int(signedPart.id)),
    ]
    if let oneTime {
      fields =
        fields + [
          "batch": .number(Int(oneTime.batch)), "index": .number(Int(oneTime.index)),
          "one_time_part": .bytes(oneTime.sealed),
        ]
    }
    return fields + [
      "now": .number(Int(now)), "own_keys": .bytes(ownKeys), "reply_path": .bytes(replyPath.encoded),
      "generation": .number(Int(generation)), "reset": .number(reset ? 1 : 0),
      "ephemeral": .bytes(Self.ephemeral), "ratchet_key": .bytes(Self.ratchetKey),
    ]
  }

  func begin() throws -> Session {
    let unverified = try UnverifiedCard(decoding: card)
    let bundle = try VerifiedBundle(
      card: unverified.verified(for: cast.responder.account.id, foundAt: nil, now: now),
      device: cast.responder.device.id, spkID: signedPart.id, sealedSignedPart: signedPart.sealed, oneTime: oneTime,
      keys: cast.responder.contactKeys, now: now)
    return try Session.initiate(
      to: bundle, ephemeral: AgreementPrivateKey(Secret(copying: Self.ephemeral)),
      ratchetKey: AgreementPrivateKey(Secret(copying: Self.ratchetKey)),
      encapsulation: Encapsulation(ciphertext: ciphertext, sharedSecret: Secret(copying: kemSecret)),
      as: cast.initiator.card, device: DeviceKeys(decoding: Secret(copying: ownKeys)), replyPath: replyPath,
      generation: generation, reset: reset, now: now)
  }

  func with(_ change: (inout InitiateInput) -> Void) -> InitiateInput {
    var changed = self
    change(&changed)
    return changed
  }

  func accepted(_ id: String, _ rule: String, _ comment: String) throws -> Case {
    try Case(id, rule, comment, given: given, input) {
      let saved = SavedSession(try begin())
      return ["prelude": .bytes(saved.fields.prelude!), "session": .bytes(saved.session)]
    }
  }

  func refused(_ id: String, _ rule: String, _ comment: String, at stage: RefusalStage) throws -> Case {
    try Case(id, rule, comment, given: given, input, refusedAt: stage) { _ = try begin() }
  }
}

@Sendable func initiate(_ recorded: Recorded) throws -> VectorFile {
  let cast = try Cast(recorded)
  let responder = cast.responder
  let oneTime = try InitiateInput(cast, .oneTime, recorded)
  let lastResort = try InitiateInput(cast, .lastResort, recorded)
  let zero = try AgreementPublicKey([UInt8](repeating: 0, count: 32))
  let path = "handshake/initiate.json"

  // What somebody signed to whom a key of small order belongs.
  let weakCard = try recorded.card(
    "weak-identity-key", responder.list(devices: [responder.card.list.devices[0].with(identityKey: zero)]).encoded(),
    by: responder.account, in: path)
  func signed(_ id: String, _ part: SignedPart) throws -> (id: UInt64, sealed: [UInt8]) {
    let published = try recorded.published(
      id, part.encoded(), id: part.id, by: responder.device, under: responder.contactKeys, in: path)
    return (part.id, responder.sealedSignedPart(published, id: part.id))
  }
  let weakSigned = try signed("weak-signed-key", responder.signedPart(signedKey: zero))
  let kemKey = responder.batch.parts[0].kemKey
  let leaf = OneTimeKeys.leaf(device: responder.device.id, batch: 6, index: 0, zero, kemKey)
  let weakBatch = try signed(
    "weak-one-time-key", responder.signedPart(batches: [BatchRoot(batch: 6, depth: 0, root: leaf)]))
  let weakPart = OneTimeKeys(batch: 6, index: 0, agreementKey: zero, kemKey: kemKey, path: [])

  return VectorFile(
    construction: "handshake", operation: "initiate",
    description: "The first message's prelude and the session that begins with it, every fresh value given",
    cases: [
      try oneTime.accepted("one-time", "handshake.9", "with a one-time part"),
      try lastResort.accepted("last-resort", "handshake.9", "the relay had no one-time part left"),
      try oneTime.with {
        $0.generation = 1 << 31
        $0.reset = true
      }.accepted("last-generation", "handshake.8", "generation 2^31, with reset"),
      try oneTime.with { $0.generation = 0 }.refused(
        "generation-0", "handshake.8", "generation 0", at: .generation),
      try oneTime.with { $0.generation = (1 << 31) + 1 }.refused(
        "generation-too-high", "handshake.8", "generation 2^31 + 1", at: .generation),
      try lastResort.with { $0.card = weakCard }.refused(
        "weak-identity-key", "handshake.13", "IK of the responder is 0: dh2 is all zero", at: .key),
      try lastResort.with { $0.signedPart = weakSigned }.refused(
        "weak-signed-key", "handshake.13", "SPK is 0: dh3 is all zero, and dh1 would be", at: .key),
      try oneTime.with {
        $0.signedPart = weakBatch
        $0.oneTime = (6, 0, responder.sealedOneTimePart(0, weakPart.encoded(), batch: 6))
      }.refused("weak-one-time-key", "handshake.13", "OPK is 0: dh4 is all zero", at: .key),
      try lastResort.with { $0.now = responder.signedPrekey.part.notAfter + 301 }.refused(
        "signed-part-expired", "handshake.9", "the signed part is not valid any more", at: .validity),
    ])
}

extension Recorded {
  /// An encapsulation to one of the responder's keys: that of handshake/initiate, verified, or a fresh one.
  func encapsulated(_ cast: Cast, _ kind: PrekeyKind) throws -> (ciphertext: [UInt8], secret: [UInt8]) {
    let (path, id) = ("handshake/initiate.json", kind == .oneTime ? "one-time" : "last-resort")
    guard let ciphertext = try bytes(path, id, "ciphertext"), let secret = try bytes(path, id, "kem_secret") else {
      let fresh = try cast.responder.bundle(oneTime: kind == .oneTime ? 0 : nil).kemKey.encapsulate()
      let ciphertext = fresh.ciphertext
      return (ciphertext, fresh.secret().revealed())
    }
    guard try cast.responder.decapsulate(ciphertext, kind) == secret else {
      throw StaleRecord(description: "\(path): the recorded encapsulation of \(id) is for another key")
    }
    return (ciphertext, secret)
  }
}

extension Player {
  /// With the last-resort key, or that of the first one-time part.
  func decapsulate(_ ciphertext: [UInt8], _ kind: PrekeyKind) throws -> [UInt8] {
    switch kind {
    case .oneTime: try oneTimePrekey(0).kemKey.decapsulate(ciphertext).revealed()
    case .lastResort: try signedPrekey.lastResort.decapsulate(ciphertext).revealed()
    }
  }
}
