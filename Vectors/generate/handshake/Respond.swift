import SottoCrypto
import SottoSession
import SottoWire

@Sendable func respond(_ recorded: Recorded) throws -> VectorFile {
  let maker = try RespondMaker(recorded)
  return VectorFile(
    construction: "handshake", operation: "respond",
    description: "A first message, from box0 to the content of the ratchet message beside it",
    cases: try maker.accepted() + maker.ids() + maker.box1() + maker.initiators() + maker.messages())
}

private struct RespondMaker {
  let recorded: Recorded
  let cast: Cast
  let oneTime: Flight
  let lastResort: Flight
  /// With the list that follows the first, valid as long as the responder's private keys live.
  let newer: Flight
  private let second: DeviceList

  init(_ recorded: Recorded) throws {
    self.recorded = recorded
    cast = try Cast(recorded)
    oneTime = try Flight(cast, .oneTime, recorded)
    lastResort = try Flight(cast, .lastResort, recorded)
    second = cast.initiator.list(
      sequence: 2, previous: cast.initiator.card.list.hash, from: Cast.begin + 20 * Cast.day,
      until: Cast.begin + 50 * Cast.day)
    newer = oneTime.with(card: try recorded.initiatorCard("newer-list", second, cast), second)
  }

  private func input(_ flight: Flight) throws -> RespondInput {
    try RespondInput(cast, flight.schedule.kind, flight.envelope)
  }

  /// The first list of the initiator's account, but for what is named, signed for the case `id`.
  private func signed(_ id: String, _ list: DeviceList, identityKey: AgreementPublicKey? = nil) throws -> Flight {
    oneTime.with(card: try recorded.initiatorCard(id, list, cast), list, identityKey: identityKey)
  }

  func accepted() throws -> [Case] {
    /// What an honest initiator sends.
    func real(_ kind: PrekeyKind) throws -> [UInt8] {
      var session = try InitiateInput(cast, kind, recorded).begin()
      var nonce = FixedEntropy(seq(0x40, 24))
      return session.seal(Talk.hello, from: &nonce)!
    }
    // Falsified flights are worth something only if flights made by hand are the real thing.
    try expectEqual(try oneTime.envelope, try real(.oneTime), "the flight made by hand")
    try expectEqual(try lastResort.envelope, try real(.lastResort), "the flight made by hand")
    let last = oneTime.with {
      $0.claims.generation = 1 << 31
      $0.claims.reset = 1
      $0.claims.seen = .none
    }
    let first = cast.initiator.card.list
    let end = cast.responder.signedPrekey.part.notAfter + 30 * Cast.day
    return [
      try input(oneTime).accepted("one-time", "handshake.10", "with a one-time part"),
      try input(lastResort).accepted("last-resort", "handshake.15", "with the last-resort key"),
      try input(last).accepted("last-generation", "handshake.8", "generation 2^31, with reset; no list was seen"),
      try input(oneTime).with { $0.knownList = first }.accepted(
        "known-list", "handshake.16", "the list that is known"),
      try input(oneTime).with { $0.knownList = second }.accepted(
        "older-list", "handshake.16", "an older list than the known one, in which the device still stands"),
      try input(newer).with {
        $0.knownList = first
        $0.now = Cast.begin + 20 * Cast.day
      }.accepted("newer-list", "handshake.16", "a list that follows the known one", isRecorded: true),
      try input(newer).with { $0.now = end }.accepted(
        "keys-last-second", "prekeys.7", "30 days after not_after of the signed part"),
      try input(newer).with { $0.now = end + 1 }.refused(
        "keys-past-their-life", "prekeys.7", "a second later the private keys are not there any more", at: .prekey),
    ]
  }

  /// box0, and the private keys that it names.
  func ids() throws -> [Case] {
    let good = try input(oneTime)
    let last = try input(lastResort)
    let part = cast.responder.signedPrekey.part
    /// Says another private key in box0 than it used.
    func naming(_ flight: Flight, spk: UInt64 = 7, _ kind: PrekeyKind, _ id: UInt64, _ index: UInt32 = 0) throws
      -> RespondInput
    {
      try input(
        flight.with { $0.schedule.ids = PrekeyIDs(spkID: spk, kind: kind, id: id, index: index).encoded() }
      ).with { if kind == .oneTime { $0.oneTime = good.oneTime } }
    }
    let otherKeys = good.keys
    /// [state.7] of the same number and keys, with other content.
    let otherPart = cast.responder.signedPart(until: part.notAfter - 1)
    let other = [1] + seq(0x61, 32) + seq(0x00, 64) + lengthPrefix(otherPart.encoded().count) + otherPart.encoded()
    return [
      try input(oneTime.with { $0.bend = { $0 = $0.with(box0: $0.box0.flipped(0)) } }).refused(
        "box0-bent", "handshake.11", "one bit of box0", at: .box0),
      try good.with { $0.keys = [1] + seq(0xd1, 8) + otherKeys[9...] }.refused(
        "box0-other-device", "handshake.11", "for another device: its id is another", at: .box0),
      try good.with { $0.keys = otherKeys[..<73] + seq(0x51, 32) + otherKeys[105...] }.refused(
        "box0-other-identity-key", "handshake.11", "for another device: its identity key is another", at: .box0),
      try good.with { $0.account = cast.initiator.account.id }.refused(
        "box0-other-account", "handshake.11", "for a device of another account", at: .box0),
      try input(
        oneTime.with { $0.schedule.ids = lastResort.schedule.ids.dropLast() + [1] }
      ).refused("ids-zeros", "handshake.4", "the last of the zeros in box0 is none", at: .encoding),
      try naming(oneTime, spk: 8, .oneTime, 5).refused(
        "unknown-signed-part", "handshake.15", "box0 names signed part 8, there is 7", at: .prekey),
      try good.with { $0.signedPrekey = nil }.refused(
        "no-signed-part", "handshake.15", "the private keys of the signed part are not there", at: .prekey),
      try good.with { $0.oneTime = nil }.refused(
        "one-time-used", "prekeys.8", "the private keys of the one-time part are not there any more", at: .prekey),
      try naming(oneTime, .oneTime, 6).refused(
        "other-batch", "handshake.15", "box0 names batch 6, there is 5", at: .prekey),
      try naming(oneTime, .oneTime, 5, 1).refused(
        "other-index", "handshake.15", "box0 names index 1, there is 0", at: .prekey),
      try naming(lastResort, .lastResort, 8).refused(
        "other-last-resort", "handshake.15", "box0 names last-resort key 8, there is 7", at: .prekey),
      try naming(oneTime, .lastResort, 7).refused(
        "kind-last-resort", "handshake.10", "box0 names the last-resort key, but the one-time part was used",
        at: .box1),
      try naming(lastResort, .oneTime, 5).refused(
        "kind-one-time", "handshake.10", "box0 names a one-time part, but the last-resort key was used", at: .box1),
      try last.with { $0.signedPrekey = other }.refused(
        "other-signed-part", "handshake.10", "signed part 7 with the same keys and another content", at: .box1),
    ]
  }

  /// box1 and what stands in it, but for the initiator.
  func box1() throws -> [Case] {
    func bent(_ bend: @escaping (inout Prelude) -> Void) throws -> RespondInput {
      try input(oneTime.with { $0.bend = bend })
    }
    func plain(_ plaintext: [UInt8]) throws -> RespondInput { try input(oneTime.with { $0.plaintext = plaintext }) }
    func padded(_ bytes: [UInt8]) throws -> RespondInput { try plain(Padding.pad(bytes, to: 5_888)) }
    func claiming(_ change: (inout FlightClaims) -> Void) throws -> RespondInput {
      try input(oneTime.with { change(&$0.claims) })
    }
    let claims = oneTime.claims.bytes
    try expectEqual(oneTime.claims.padded.count, 5_888, "the number of bytes of box1's plaintext")
    var otherMarker = oneTime.claims.padded
    otherMarker[claims.count] = 0x81
    let rights = [seq(0x10, 16) + seq(0x07, 32), seq(0x00, 16) + seq(0x07, 32)]
    let path = Array(cast.initiator.replyPath.encoded.dropLast(49)) + [0x40, 96] + rights[0] + rights[1]
    var cases = [
      try bent { $0 = $0.with(box1: $0.box1.flipped(0)) }.refused(
        "box1-bent", "handshake.10", "one bit of box1", at: .box1),
      try bent { $0 = $0.with(ciphertext: $0.ciphertext.flipped(700)) }.refused(
        "ciphertext-bent", "handshake.10", "one bit of ct: implicit rejection, another k1", at: .box1),
      try plain(otherMarker).refused("box1-padding", "handshake.7", "the marker in box1 is 81", at: .padding),
      try plain(Array(oneTime.claims.padded.dropLast())).refused(
        "box1-size", "handshake.2", "the plaintext of box1 has 5,887 bytes", at: .encoding),
      try padded(claims + [0]).refused(
        "box1-trailing", "handshake.7", "a byte after the claims", at: .encoding),
      try padded(Array(claims.dropLast())).refused(
        "box1-cut", "handshake.7", "the claims end a byte too early", at: .encoding),
      try claiming { $0.reset = 2 }.refused("reset-2", "handshake.7", "reset is 2", at: .encoding),
      try claiming { $0.replyPath = path }.refused(
        "reply-path-order", "handshake.5", "the mailboxes of the reply path descend", at: .encoding),
      try claiming { $0.generation = 0 }.refused("generation-0", "handshake.8", "generation 0", at: .generation),
      try claiming { $0.generation = (1 << 31) + 1 }.refused(
        "generation-too-high", "handshake.8", "generation 2^31 + 1", at: .generation),
    ]
    let listed = cast.initiator.card.list.devices[0]
    let doubled = cast.initiator.list(devices: [listed, listed])
    cases.append(
      try input(signed("doubled-device", doubled)).refused(
        "doubled-device", "list.3", "one device twice in the initiator's list", at: .encoding, isRecorded: true))
    for (name, point) in [lowOrder[0], lowOrder[2]] {
      let weak = try oneTime.with {
        $0.schedule.ephemeralKey = try AgreementPublicKey(point)
        for place in 1...3 { $0.schedule.agreements[place] = [UInt8](repeating: 0, count: 32) }
      }
      cases.append(
        try input(weak).refused(
          "ephemeral-key-\(name)", "handshake.13", "EK of small order: dh2 is all zero", at: .key))
    }
    var topBit = try oneTime.envelope
    topBit[32] |= 0x80
    cases.append(
      try RespondInput(cast, .oneTime, topBit).refused(
        "ephemeral-key-with-top-bit", "primitives.3", "EK has the top bit set", at: .encoding))
    return cases
  }

  /// Who box1 says writes.
  func initiators() throws -> [Case] {
    let (initiator, responder) = (cast.initiator, cast.responder)
    let first = initiator.card.list
    let listed = first.devices[0]
    let good = try input(oneTime)
    let (content, classical, postQuantum) = signatureHalves(of: oneTime.claims.card)
    let (_, otherClassical, otherPostQuantum) = signatureHalves(of: newer.claims.card)
    func carded(_ card: [UInt8]) throws -> RespondInput { try input(oneTime.with { $0.claims.card = card }) }

    let ofAnother = initiator.list(account: responder.account.id)
    let ancient = initiator.list(devices: [listed.with(versions: [2])])
    let zero = try AgreementPublicKey(lowOrder[0].key)
    let weak = initiator.list(devices: [listed.with(identityKey: zero)])
    let own = try oneTime.with(card: responder.card.encoded(), responder.card.list).with {
      $0.claims.device = responder.device.id.bytes
      $0.schedule.initiatorDevice = responder.device.id
      $0.schedule.initiatorIdentityKey = responder.device.identity.publicKey
      $0.schedule.agreements[0] = try responder.device.identity.agree(with: $0.schedule.part.signedKey).revealed()
    }
    let other = try fillerDevice(1, at: initiator.relay)
    let unlisted = oneTime.with {
      $0.claims.device = other.id.bytes
      $0.schedule.initiatorDevice = other.id
    }
    let forked = initiator.list(until: first.notAfter - 1)
    let withoutDevice = initiator.list(sequence: 2, previous: first.hash, devices: [other])
    let otherIdentity = initiator.list(
      sequence: 2, previous: first.hash, devices: [listed.with(identityKey: other.identityKey)])
    let impostor = oneTime.with { $0.schedule.agreements[0] = seq(0x01, 32) }
    return [
      try input(own).refused(
        "own-account", "client.4", "a first message in the name of the reader's own account", at: .account),
      try input(signed("list-of-another", ofAnother)).refused(
        "list-of-another", "handshake.12", "the account signed a list of another", at: .account, isRecorded: true),
      try carded(content + otherClassical + postQuantum).refused(
        "classical-of-another", "handshake.12", "the Ed25519 half of another list", at: .signature),
      try carded(content + classical + otherPostQuantum).refused(
        "post-quantum-of-another", "handshake.12", "the ML-DSA half of another list", at: .signature),
      try good.with { $0.now = Cast.begin - 301 }.refused(
        "list-early", "handshake.12", "301 seconds before not_before of the list", at: .validity),
      try good.with { $0.now = first.notAfter + 301 }.refused(
        "list-late", "handshake.12", "301 seconds after not_after of the list", at: .validity),
      try input(unlisted).refused(
        "unlisted-device", "handshake.12", "the device is not in the list", at: .device),
      try input(signed("other-version", ancient)).refused(
        "other-version", "handshake.17", "the device speaks version 2 only", at: .device, isRecorded: true),
      try good.with { $0.knownList = forked }.refused(
        "rewritten-list", "handshake.16", "the known list has the same sequence and another hash", at: .chain),
      try input(newer).with {
        $0.knownList = forked
        $0.now = Cast.begin + 20 * Cast.day
      }.refused("forked-list", "handshake.16", "the list is the next, but follows another than the known", at: .chain),
      try good.with { $0.knownList = withoutDevice }.refused(
        "older-list-without-device", "handshake.16", "the newer list that is known has not the device", at: .device),
      try good.with { $0.knownList = otherIdentity }.refused(
        "older-list-other-identity-key", "handshake.16",
        "the newer list that is known has another identity key of the device", at: .device),
      try input(
        signed("weak-identity-key", weak, identityKey: zero).with {
          $0.schedule.agreements[0] = [UInt8](repeating: 0, count: 32)
        }
      ).refused(
        "weak-identity-key", "handshake.13", "IK of the initiator is 0: dh1 is all zero", at: .key, isRecorded: true),
      try input(impostor).refused(
        "impostor", "handshake.12", "somebody else's card, without the private key: the message does not open",
        at: .header),
    ]
  }

  /// The ratchet message beside the prelude.
  func messages() throws -> [Case] {
    func changed(_ change: @escaping (inout CraftedMessage) -> Void) throws -> RespondInput {
      try input(oneTime.with { $0.change = change })
    }
    let envelope = try oneTime.envelope
    let message = 1 + 32 + 48 + 1_568 + 2 + 5_904
    func bent(_ offset: Int) throws -> RespondInput { try RespondInput(cast, .oneTime, envelope.flipped(offset)) }
    return [
      try bent(message).refused("header-bent", "ratchet.13", "one bit of the header", at: .header),
      try changed { $0.previousCount = 1 }.refused("previous-1", "ratchet.14", "PN is 1", at: .gap),
      try changed { $0.key = lowOrder[0].key }.refused(
        "ratchet-key-zero", "primitives.4", "the ratchet key is 0", at: .key),
      try bent(message + 80).refused("commitment-bent", "ratchet.4", "one bit of the commitment", at: .commitment),
      try bent(envelope.count - 1).refused("tag-bent", "ratchet.4", "one bit of the tag", at: .message),
      try changed { $0.padded = [UInt8](repeating: 0, count: $0.padded.count) }.refused(
        "padding", "messages.2", "zeros without a marker", at: .padding),
      try changed { $0.padded = Padding.pad([0], to: $0.padded.count) }.refused(
        "content", "messages.4", "content of one byte", at: .content),
      try RespondInput(cast, .oneTime, [3] + envelope.dropFirst()).refused(
        "envelope-type", "envelope.3", "an envelope of type 3", at: .encoding),
    ]
  }
}
