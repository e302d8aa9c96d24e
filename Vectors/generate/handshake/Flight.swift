import SottoCrypto
import SottoSession
import SottoWire

/// What box1 says.
struct FlightClaims {
  var card: [UInt8]
  var device: [UInt8]
  var replyPath: [UInt8]
  var generation: UInt32 = 1
  var reset: UInt8 = 0
  var seen: ListHead

  init(of player: Player, to other: Player) {
    card = player.card.encoded()
    device = player.device.id.bytes
    replyPath = player.replyPath.encoded
    seen = other.card.list.head
  }

  var bytes: [UInt8] {
    var writer = WireWriter()
    writer.fixed(card + device + replyPath)
    writer.u32(generation)
    writer.u8(reset)
    seen.write(to: &writer)
    return writer.bytes
  }

  /// As [handshake.14] pads it.
  var padded: [UInt8] { Padding.pad(bytes, to: (bytes.count / 256 + 1) * 256) }
}

/// A first flight from the initiator of the cast to the responder, made by hand: what a malicious initiator can send.
struct Flight {
  var schedule: ScheduleInput
  var claims: FlightClaims
  /// The plaintext of box1, if it is not that of `claims`.
  var plaintext: [UInt8]?
  /// Applied to the prelude's fields after they were computed.
  var bend: (inout Prelude) -> Void = { _ in }
  /// Applied to the message beside the prelude.
  var change: (inout CraftedMessage) -> Void = { _ in }

  /// As honest as can be.
  init(_ cast: Cast, _ kind: PrekeyKind, _ recorded: Recorded) throws {
    schedule = try .example(cast, kind)
    (schedule.ciphertext, schedule.kemSecret) = try recorded.encapsulated(cast, kind)
    schedule.listHash = cast.initiator.card.list.hash
    claims = FlightClaims(of: cast.initiator, to: cast.responder)
  }

  func with(_ change: (inout Flight) throws -> Void) rethrows -> Flight {
    var changed = self
    try change(&changed)
    return changed
  }

  /// With another list of the initiator's account, that of `card`.
  func with(card: [UInt8], _ list: DeviceList, identityKey: AgreementPublicKey? = nil) -> Flight {
    with {
      $0.claims.card = card
      $0.schedule.initiatorAccount = list.account
      $0.schedule.listHash = list.hash
      if let identityKey { $0.schedule.initiatorIdentityKey = identityKey }
    }
  }

  var envelope: [UInt8] {
    get throws {
      var schedule = schedule
      schedule.claims = plaintext ?? claims.padded
      let output = schedule.run()
      var prelude = output.prelude
      bend(&prelude)
      var writer = WireWriter()
      prelude.write(to: &writer)
      let info = SessionInfo(
        sid: output.sid, role: .initiator, generation: 1, isConfirmed: false, createdAt: Cast.now,
        preludeDigest: prelude.digest, peerAccount: schedule.account, peerDevice: schedule.device)
      let ratchet = try Ratchet(
        initiator: output.keys(), remote: schedule.part.signedKey,
        own: AgreementPrivateKey(Secret(copying: InitiateInput.ratchetKey)))
      let saved = SavedSession(Session(info: info, ratchet: ratchet, prelude: writer.bytes))
      let count = SizeClass(holding: 129 + writer.bytes.count + 64)!.rawValue - 129 - writer.bytes.count
      var message = try CraftedMessage(of: saved, Talk.hello, count: count)
      message.prelude = writer.bytes
      message.nonce = seq(0x40, 24)
      change(&message)
      return message.envelope
    }
  }
}

extension Prelude {
  /// The same prelude with other fields.
  func with(
    ephemeralKey: AgreementPublicKey? = nil, box0: [UInt8]? = nil, ciphertext: [UInt8]? = nil, box1: [UInt8]? = nil
  ) -> Prelude {
    Prelude(
      ephemeralKey: ephemeralKey ?? self.ephemeralKey, box0: box0 ?? self.box0,
      ciphertext: ciphertext ?? self.ciphertext, box1: box1 ?? self.box1)
  }
}

extension Recorded {
  /// A card that the initiator's account signed for one case: its signature is in the case's envelope, which the
  /// responder's keys open.
  func initiatorCard(_ id: String, _ list: DeviceList, _ cast: Cast) throws -> [UInt8] {
    let path = "handshake/respond.json"
    let envelope = try bytes(path, id, "envelope").map { try Envelope(decoding: $0) }
    let card = try envelope?.prelude.map { prelude in
      let box1 = try cast.responder.openBox1(prelude)
      let count = 32 + 1_952 + lengthPrefix(list.encoded().count).count + list.encoded().count + 3_373
      return Array(box1.prefix(count))
    }
    return try Self.card(card, list.encoded(), by: cast.initiator.account, "\(path): \(id)")
  }
}

extension Player {
  /// The plaintext of box1 of an honest prelude to this device.
  fileprivate func openBox1(_ prelude: Prelude) throws -> [UInt8] {
    let c0 = KeySchedule.c0(
      account: account.id, device: device.id, identityKey: device.identity.publicKey,
      ephemeralKey: prelude.ephemeralKey)
    let first = KeySchedule.start(c0, dh2: try device.identity.agree(with: prelude.ephemeralKey))
    let kind = try PrekeyIDs(decoding: try SingleUseKey(first.b()).open(prelude.box0, ad: c0.bytes)).kind
    let oneTime = kind == .oneTime ? batch.parts[0] : nil
    let part = signedPrekey.part
    let c1 = KeySchedule.c1(
      c0, box0: prelude.box0, part: part, kind: kind, oneTimeKey: oneTime?.agreementKey,
      kemKey: oneTime?.kemKey ?? part.lastResortKey, ciphertext: prelude.ciphertext)
    let dh4 =
      kind == .oneTime
      ? try oneTimePrekey(0).agreementKey.agree(with: prelude.ephemeralKey) : Secret(copying: [])
    let ck2 = KeySchedule.withPrekeys(
      first.a(), dh3: try signedPrekey.signedKey.agree(with: prelude.ephemeralKey), dh4: dh4)
    let secret = Secret(copying: try decapsulate(prelude.ciphertext, kind))
    return try SingleUseKey(KeySchedule.withKEM(ck2, shared: secret, c1).b()).open(prelude.box1, ad: c1.bytes)
  }
}
