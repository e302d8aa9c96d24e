internal import SottoCrypto
internal import SottoSession
internal import SottoWire

/// The operations of Specs/Handshake.md.
enum HandshakeOperations {
  static let all: [String: VectorOperation] = [
    "handshake/prekey-ids": prekeyIDs, "handshake/reply-path": replyPath, "handshake/key-schedule": keySchedule,
    "handshake/initiate": initiate, "handshake/respond": respond,
  ]

  private static func prekeyIDs(_ fields: Fields) throws -> [String: VectorValue] {
    if fields.has("encoded") { return ["encoded": .bytes(try decodedIDs(fields.bytes("encoded")).encoded())] }
    guard let kind = PrekeyKind(rawValue: UInt8(truncatingIfNeeded: try fields.number("kind"))) else {
      throw BadVector("\(fields.place).kind is unknown")
    }
    let ids = PrekeyIDs(
      spkID: try fields.u64("spk_id"), kind: kind, id: try fields.u64("id"), index: try fields.u32("index"))
    guard try decodedIDs(ids.encoded()) == ids else { throw BadVector("\(fields.place): reads back as other ids") }
    return ["encoded": .bytes(ids.encoded())]
  }

  private static func decodedIDs(_ bytes: [UInt8]) throws -> PrekeyIDs {
    do throws(WireError) { return try PrekeyIDs(decoding: bytes) } catch {
      throw Refused(stage: "encoding", reason: error.reason)
    }
  }

  private static func replyPath(_ fields: Fields) throws -> [String: VectorValue] {
    if fields.has("encoded") { return ["encoded": .bytes(try ReplyPath(decoding: fields.bytes("encoded")).encoded)] }
    let mailboxes = try fields.byteLists("mailboxes").map { try MailboxID($0) }
    let capabilities = try fields.byteLists("capabilities").map { try Capability($0) }
    guard mailboxes.count == capabilities.count else {
      throw BadVector("\(fields.place) has not as many mailboxes as capabilities")
    }
    let path = ReplyPath(
      relay: try fields.relay(try fields.text("relay")), contactSecret: try fields.contactSecret(),
      sequence: try fields.u64("sequence"),
      capabilities: Dictionary(uniqueKeysWithValues: zip(mailboxes, capabilities)))
    guard try ReplyPath(decoding: path.encoded) == path else {
      throw BadVector("\(fields.place): reads back as another reply path")
    }
    return ["encoded": .bytes(path.encoded)]
  }

  private static func keySchedule(_ fields: Fields) throws -> [String: VectorValue] {
    let ephemeral = try fields.agreementKey("ephemeral_key")
    let ciphertext = try fields.bytes("ciphertext")
    guard let kind = PrekeyKind(rawValue: UInt8(truncatingIfNeeded: try fields.number("kind"))) else {
      throw BadVector("\(fields.place).kind is unknown")
    }
    let c0 = KeySchedule.c0(
      account: try fields.account(), device: try fields.device(), identityKey: try fields.agreementKey("identity_key"),
      ephemeralKey: ephemeral)
    let first = KeySchedule.start(c0, dh2: try fields.secret("dh2"))
    let box0 = SingleUseKey(first.b()).seal(try fields.bytes("prekey_ids"), ad: c0.bytes)
    let c1 = KeySchedule.c1(
      c0, box0: box0, part: try fields.typed("content", SignedPart.decode), kind: kind,
      oneTimeKey: try fields.bytes("one_time_key").isEmpty ? nil : fields.agreementKey("one_time_key"),
      kemKey: try fields.typed("kem_key", KEMPublicKey.init), ciphertext: ciphertext)
    let ck2 = KeySchedule.withPrekeys(
      first.a(), dh3: try fields.secret("dh3"), dh4: try fields.secret("dh4"))
    let third = KeySchedule.withKEM(ck2, shared: try fields.secret("kem_secret"), c1)
    let box1 = SingleUseKey(third.b()).seal(try fields.bytes("box1_plaintext"), ad: c1.bytes)
    let c2 = KeySchedule.c2(
      c1, box1: box1, account: try fields.account("initiator_account"),
      listHash: try fields.digest("initiator_list_hash"), device: try fields.device("initiator_device"),
      identityKey: try fields.agreementKey("initiator_identity_key"))
    let keys = KeySchedule.finish(third.a(), dh1: try fields.secret("dh1"), c2)
    let prelude = Prelude(ephemeralKey: ephemeral, box0: box0, ciphertext: ciphertext, box1: box1)
    return [
      "c0": .bytes(c0.bytes), "ck0": .bytes(first.a().revealed()), "k0": .bytes(first.b().revealed()),
      "box0": .bytes(box0), "c1": .bytes(c1.bytes), "ck2": .bytes(ck2.revealed()),
      "ck3": .bytes(third.a().revealed()), "k1": .bytes(third.b().revealed()), "box1": .bytes(box1),
      "c2": .bytes(c2.bytes), "root": .bytes(keys.root.secret.revealed()),
      "initiator_header_key": .bytes(keys.initiatorHeader.bytes().revealed()),
      "responder_header_key": .bytes(keys.responderHeader.bytes().revealed()),
      "prelude_digest": .bytes(prelude.digest.bytes),
    ]
  }

  private static func initiate(_ fields: Fields) throws -> [String: VectorValue] {
    let bundle = try PrekeyOperations.verifiedBundle(fields)
    let reset = try fields.number("reset")
    guard reset == 0 || reset == 1 else { throw BadVector("\(fields.place).reset is neither 0 nor 1") }
    let encapsulation = Encapsulation(
      ciphertext: try fields.bytes("ciphertext", count: KEMPublicKey.ciphertextCount),
      sharedSecret: try fields.secret("kem_secret", count: 32))
    let session = try Session.initiate(
      to: bundle, ephemeral: AgreementPrivateKey(try fields.secret("ephemeral", count: 32)),
      ratchetKey: AgreementPrivateKey(try fields.secret("ratchet_key", count: 32)), encapsulation: encapsulation,
      as: try fields.verifiedCard("own_card"), device: try fields.deviceKeys("own_keys"),
      replyPath: try fields.typed("reply_path", ReplyPath.init(decoding:)), generation: try fields.u32("generation"),
      reset: reset == 1, now: try fields.u64("now"))
    guard let prelude = session.encodedPrelude else { throw BadVector("\(fields.place): a session without prelude") }
    return ["prelude": .bytes(prelude), "session": .bytes(session.encoded().revealed())]
  }

  /// What the client does with a first message, until it would commit. [handshake.10]
  private static func respond(_ fields: Fields) throws -> [String: VectorValue] {
    let account = try fields.account()
    let now = try fields.u64("now")
    var ratchetKey = FixedEntropy(try fields.bytes("ratchet_key", count: 32))
    let envelope = try Envelope(decoding: try fields.bytes("envelope"))
    guard let prelude = envelope.prelude else { throw Refused(stage: "header") }
    let opening = try prelude.openIDs(try fields.deviceKeys("keys"), of: account)
    let ids = opening.ids
    guard fields.has("signed_prekey") else { throw Refused(stage: "prekey") }
    let signed = try fields.signedPrekey("signed_prekey")
    let unverified: UnverifiedInitiator
    switch ids.kind {
    case .oneTime:
      guard fields.has("one_time_prekey") else { throw Refused(stage: "prekey") }
      unverified = try opening.respond(
        signedPrekey: signed, oneTime: try fields.oneTimePrekey("one_time_prekey"), now: now)
    case .lastResort: unverified = try opening.respond(signedPrekey: signed, now: now)
    }
    // [client.4]
    guard unverified.claimedAccount != account else { throw Refused(stage: "account") }
    let known = fields.has("known_list") ? try fields.typed("known_list", DeviceList.init(decoding:)) : nil
    var responded = try unverified.verified(known: known, now: now)
    let opened = try responded.session.open(envelope, now: now, from: &ratchetKey)
    let initiator = responded.initiator
    let session = responded.takeSession()
    return [
      "initiator": .bytes(initiator.card.account.bytes), "initiator_device": .bytes(initiator.device.id.bytes),
      "reply_path": .bytes(initiator.replyPath.encoded), "generation": .number(Int(initiator.generation)),
      "reset": .number(initiator.reset ? 1 : 0), "seen": .bytes(initiator.seen.encoded),
      "content": .bytes(opened.content.encoded()), "session": .bytes(session.encoded().revealed()),
      "skipped": .bytes(session.encodedSkippedKeys().revealed()),
    ]
  }
}

extension Fields {
  func agreementKey(_ name: String) throws -> AgreementPublicKey { try typed(name, AgreementPublicKey.init) }
}

extension ReplyPath {
  var encoded: [UInt8] {
    var writer = WireWriter()
    write(to: &writer)
    return writer.bytes
  }
}
