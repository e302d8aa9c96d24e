import SottoCrypto
import SottoSession
import SottoWire

/// The inputs of handshake/respond: the responder of the cast gets a first message.
struct RespondInput {
  var account: AccountID
  var keys: [UInt8]
  var signedPrekey: [UInt8]?
  var oneTime: (batch: UInt64, index: UInt32, encoded: [UInt8])?
  var knownList: DeviceList?
  var envelope: [UInt8]
  var now = Cast.now
  static let ratchetKey = seq(0xb1, 32)

  init(_ cast: Cast, _ kind: PrekeyKind, _ envelope: [UInt8]) throws {
    let responder = cast.responder
    account = responder.account.id
    keys = responder.device.encoded().revealed()
    signedPrekey = responder.signedPrekey.encoded().revealed()
    if kind == .oneTime {
      oneTime = (responder.batch.root.batch, 0, try responder.oneTimePrekey(0).encoded().revealed())
    }
    self.envelope = envelope
  }

  /// All but the envelope, which stands apart because it may contain what was recorded.
  var named: Named {
    var fields: Named = ["account": .bytes(account.bytes), "keys": .bytes(keys)]
    if let signedPrekey { fields = fields + ["signed_prekey": .bytes(signedPrekey)] }
    if let oneTime {
      fields =
        fields + [
          "batch": .number(Int(oneTime.batch)), "index": .number(Int(oneTime.index)),
          "one_time_prekey": .bytes(oneTime.encoded),
        ]
    }
    if let knownList { fields = fields + ["known_list": .bytes(knownList.encoded())] }
    return fields + ["ratchet_key": .bytes(Self.ratchetKey), "now": .number(Int(now))]
  }

  func output() throws -> Named {
    let envelope = try Envelope(decoding: envelope)
    guard let prelude = envelope.prelude else { throw Refused(.header) }
    let opening = try prelude.openIDs(try DeviceKeys(decoding: Secret(copying: keys)), of: account)
    let ids = opening.ids
    guard let signedPrekey else { throw Refused(.prekey) }
    let signed = try SignedPrekey(decoding: Secret(copying: signedPrekey))
    let unverified: UnverifiedInitiator
    switch ids.kind {
    case .oneTime:
      guard let oneTime else { throw Refused(.prekey) }
      let key = try OneTimePrekey(
        batch: oneTime.batch, index: oneTime.index, decoding: Secret(copying: oneTime.encoded))
      unverified = try opening.respond(signedPrekey: signed, oneTime: key, now: now)
    case .lastResort: unverified = try opening.respond(signedPrekey: signed, now: now)
    }
    // [client.4] Nobody writes in our own name.
    guard unverified.claimedAccount != account else { throw Refused(.account) }
    var responded = try unverified.verified(known: knownList, now: now)
    var drawn = FixedEntropy(Self.ratchetKey)
    let opened = try responded.session.open(envelope, now: now, from: &drawn)
    let initiator = responded.initiator
    let saved = SavedSession(responded.takeSession())
    return [
      "initiator": .bytes(initiator.card.account.bytes), "initiator_device": .bytes(initiator.device.id.bytes),
      "reply_path": .bytes(initiator.replyPath.encoded), "generation": .number(Int(initiator.generation)),
      "reset": .number(initiator.reset ? 1 : 0), "seen": .bytes(initiator.seen.encoded),
      "content": .bytes(opened.content.encoded()), "session": .bytes(saved.session), "skipped": .bytes(saved.skipped),
    ]
  }

  func with(_ change: (inout RespondInput) throws -> Void) rethrows -> RespondInput {
    var changed = self
    try change(&changed)
    return changed
  }

  func accepted(_ id: String, _ rule: String, _ comment: String, isRecorded: Bool = false) throws -> Case {
    let field: Named = ["envelope": .bytes(envelope)]
    return try Case(
      id, rule, comment, given: isRecorded ? field : [:], named + (isRecorded ? [:] : field), by: output)
  }

  func refused(
    _ id: String, _ rule: String, _ comment: String, at stage: RefusalStage, isRecorded: Bool = false
  ) throws -> Case {
    let field: Named = ["envelope": .bytes(envelope)]
    return try Case(
      id, rule, comment, given: isRecorded ? field : [:], named + (isRecorded ? [:] : field), refusedAt: stage
    ) { _ = try output() }
  }
}
