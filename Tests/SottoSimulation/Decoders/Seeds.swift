import SottoCrypto
import SottoSession
import SottoWire

extension Decoder {
  /// Honest inputs, from which the fuzzer starts. Each is accepted: a promise about what is never accepted is empty.
  public var seeds: [[UInt8]] {
    switch name {
    case "codec": Self.codecSeeds
    case "text": Self.textSeeds
    case "keys": Self.keySeeds
    case "frames": Self.frameSeeds
    case "bodies": Self.bodySeeds
    case "requests": Self.requestSeeds
    case "lists": Self.listSeeds
    case "prekeys": Self.prekeySeeds
    case "envelopes": Self.envelopeSeeds
    case "contents": Self.contentSeeds
    case "ratchet": Self.ratchetSeeds
    case "flights": Self.flightSeeds
    case "state": Self.stateSeeds
    case "attachments": Self.attachmentSeeds
    case "registration": Self.registrationSeeds
    default: ownSeeds?() ?? []
    }
  }

  private static func numbers(_ range: Range<UInt8>) -> [UInt8] { Array(range) }
  private static func text(_ choice: UInt8, _ text: String) -> [UInt8] { [choice] + Array(text.utf8) }
  private static var me: MailboxID { Stage.shared.bob.device.mailbox }

  private static var codecSeeds: [[UInt8]] {
    [
      [5, 0, 1, 2, 3, 4] + numbers(0..<31), [1, 5, 0x40, 0x40], [1, 5, 0x80, 0, 0x40, 0], [1, 6] + numbers(0..<6),
      [3, 7, 8, 7, 1, 2, 2, 0x41, 0x42, 0], [1, 9, 6, 1, 7, 3, 8, 9, 10],
    ]
  }

  private static var token: RegistrationToken { RegistrationToken([0, 2] + [UInt8](repeating: 5, count: 352))! }

  private static var invitation: Invitation {
    var entropy = SeededEntropy(seed: 1)
    let key = Secret(copying: numbers(0..<32))
    return Invitation(lastDay: 20_000, tokens: 32, under: key, from: &entropy)
  }

  private static var sponsored: Invitation {
    var entropy = SeededEntropy(seed: 2)
    let scope = InviterScope(lastDay: 20_000, tokens: 32, total: 320, from: &entropy)
    let key = InviterKey(scope, under: Secret(copying: numbers(0..<32)))
    return Invitation(lastDay: 20_000, tokens: 32, by: key, from: &entropy)
  }

  /// Of any odd number with 2,048 bits.
  private static var tokenKey: [UInt8] { encodedTokenKey([UInt8](repeating: 0xc5, count: 256)) }

  private static var textSeeds: [[UInt8]] {
    let bytes = numbers(0..<16)
    let id = Hex.encode(bytes)
    let routes = [
      "/livez", "/readyz", "/v1/send", "/v1/cards/\(id)", "/v1/blobs/\(id)", "/v1/mailboxes/\(id)",
      "/v1/mailboxes/\(id)/capabilities", "/v1/mailboxes/\(id)/stream", "/v1/mailboxes/\(id)/blobs",
      "/v1/mailboxes/\(id)/blobs/\(id)", "/v1/mailboxes/\(id)/envelopes/\(id)", "/v1/mailboxes/\(id)/prekeys/claim",
      "/v1/mailboxes/\(id)/prekeys/signed-part", "/v1/mailboxes/\(id)/prekeys/one-time",
      "/v1/mailboxes/\(id)/prekeys/one-time/17",
    ]
    let relays = [
      "relay.example", "relay.example:8443", "localhost", "localhost:8090", "127.0.0.1:8090", "192.0.2.1", "[::1]:8090",
      "[2001:db8::1]", "[2001:db8:0:1:1:1:1:1]:1", "xn--bcher-kva.example",
    ]
    return [
      text(0, id), text(1, Base32.encode(bytes)), text(2, Base64.encode(bytes)), text(2, Base64.encode([1, 2, 3])),
      text(3, "9223372036854775807"), text(3, "0"), text(6, Stage.shared.alice.address.text),
      text(8, "\"17\""), text(9, "*"), text(10, Problem.mailboxFull.document), [11, 0, 0, 0, 0, 0, 1, 0, 0],
      text(12, Base64URL.encode([0xfb, 0xff, 1, 2])), text(13, token.authorization), text(14, invitation.text),
      text(14, sponsored.text),
    ] + relays.map { text(4, $0) } + routes.map { text(5, $0) }
      + relays.map { [7, 3, 0x61] + numbers(0..<48) + Array($0.utf8) }
  }

  private static var keySeeds: [[UInt8]] {
    let stage = Stage.shared
    return [
      [0] + stage.alice.device.identity.publicKey.bytes, [1] + stage.bundle.kemKey.bytes,
      [2] + [UInt8](repeating: 7, count: KEMPublicKey.ciphertextCount), [3] + stage.alice.card.signature.bytes,
      [4] + numbers(0..<64), [5, 0, 0, 0, 1, 0, 0, 0, 8] + numbers(0..<16),
    ] + [8, 16, 24, 32].map { [6] + numbers(0..<$0) }
  }

  private static var frameSeeds: [[UInt8]] {
    let put = PutFrame(
      number: 7, mailbox: me, id: EnvelopeID(number: 3), capability: try! Capability(numbers(0..<32)),
      bytes: numbers(0..<64))
    let answers = (0..<3).map { PutAnswer(number: $0, problem: [nil, .tooManyRequests, .mailboxFull][Int($0)]) }
    let challenge = try! StreamChallenge(restoreEpoch: 1, nonce: numbers(0..<32))
    let key = try! SigningKey(seed: Secret(copying: numbers(0..<32)))
    let authenticate = challenge.answer(authority: Stage.shared.bob.relay, signedBy: key).encoded
    let envelope = ServerFrame.envelope(index: 5, id: EnvelopeID(number: 3), bytes: [UInt8](repeating: 1, count: 512))
    let answer: [[UInt8]] = [SendFrame.answers(answers).encoded, SendFrame.closing(.slow).encoded].map { [1] + $0 }
    let server: [ServerFrame] = [.challenge(challenge), envelope, .caughtUp(index: 5), .closing(.restarting)]
    return [
      [0] + put.encoded, [3] + authenticate, [4] + authenticate,
      [3] + ClientFrame.ack(index: 9, restoreEpoch: 1).encoded,
    ]
      + answer + server.map { [2] + $0.encoded }
  }

  private static var bodySeeds: [[UInt8]] {
    let slots = [
      CapabilitySlot(.knock, .of("seed", [1])), CapabilitySlot(.contact, .of("seed", [2])),
      CapabilitySlot(.retiring, .of("seed", [3]), expires: 1 << 32),
    ]
    let status = MailboxStatus(
      sequence: 1, restoreEpoch: 2, signedPart: 3, oneTimeParts: 4, lastResortClaims: 5, envelopes: 6, envelopeBytes: 7,
      capabilities: [.knock, .contact])
    let signed = SignedPartUpload(id: 1, sealed: numbers(0..<40))
    let upload = try! OneTimeUpload((0..<3).map { OneTimePart(index: $0, sealed: numbers(0..<20)) })
    let oneTime = ClaimedPrekeys.OneTime(batch: 1, index: 2, sealed: numbers(0..<20))
    return [
      [0] + (try! CapabilitySet(slots)).encoded, [1] + status.encoded, [2] + signed.encoded, [3] + upload.encoded,
      [4] + ClaimedPrekeys(signedPart: signed, oneTime: oneTime).encoded,
      [4] + ClaimedPrekeys(signedPart: signed, oneTime: nil).encoded,
      [5] + PushJob(handle: PushHandle(number: 3), sealed: numbers(0..<40)).encoded,
    ] + [[6] + PushEnd(handle: PushHandle(number: 4)).encoded] + targets.map { [7] + $0.padded }
      + targets.map { [8] + (try! $0.sealed(to: gateway)) } + [[9] + request + request, [10] + tokenKey]
  }

  private static var request: [UInt8] {
    TokenRequest(truncatedKeyID: 7, blinded: [UInt8](repeating: 6, count: 256)).encoded
  }

  private static let gateway = try! AgreementPrivateKey(Secret(copying: [UInt8](repeating: 8, count: 32))).publicKey

  private static var targets: [PushTarget] {
    [
      .webPush(endpoint: "https://push.example/1", key: [4] + numbers(0..<64), auth: numbers(0..<16)),
      .apns(token: numbers(0..<32), isSandbox: false), .apns(token: [1], isSandbox: true), .fcm(token: "a:B_9-"),
    ].map { PushTarget($0)! }
  }

  private static var requestSeeds: [[UInt8]] {
    let mailbox = Route.mailbox(me).path
    let lines = [
      ["GET", mailbox, "350", ""], ["PUT", mailbox, "350", "", "17"], ["DELETE", mailbox, "351", "", "9"],
      ["PUT", "/v1/cards/" + String(repeating: "0a", count: 16), "400", "", "17", "3", "\"2\""],
      ["PUT", "/v1/cards/" + String(repeating: "0a", count: 16), "400", "", "17", "1", "", "*"],
    ]
    return lines.map { text(2, $0.joined(separator: "\n")) }
      + lines.map { text(1, RequestSeed.withInput($0).joined(separator: "\n")) }
      + lines.map { text(0, RequestSeed.signed($0).joined(separator: "\n")) }
  }

  private static var listSeeds: [[UInt8]] {
    let stage = Stage.shared
    return [
      [0] + stage.alice.card.list.encoded(), [1] + stage.alice.card.encoded(), [2] + Padding.pad([1, 2, 3], to: 64),
    ]
  }

  private static var prekeySeeds: [[UInt8]] {
    let stage = Stage.shared
    return [
      [0] + stage.bundle.signedPart.encoded(), [1] + stage.bob.published[1]!, [2] + stage.bundle.oneTime!.encoded(),
    ]
  }

  private static var envelopeSeeds: [[UInt8]] {
    let flight = Prelude(
      ephemeralKey: Stage.shared.alice.device.identity.publicKey, box0: [UInt8](repeating: 1, count: 48),
      ciphertext: [UInt8](repeating: 2, count: 1568), box1: [UInt8](repeating: 3, count: 272))
    var writer = WireWriter()
    writer.u8(2)
    flight.write(to: &writer)
    return [[1], writer.bytes + [UInt8](repeating: 4, count: 200)]
  }

  private static var contentSeeds: [[UInt8]] {
    let stage = Stage.shared
    let path = try! stage.alice.replyPath()
    let head = stage.alice.card.list.head
    let id = try! MessageID(numbers(0..<16))
    let content = Content(
      id: id, sentAt: 1,
      parts: [
        .text("héllo"), .replyPath(path), .heads(own: head, yours: head), .missing([id]),
        .ignorable(kind: 200, body: [1]),
      ])
    let copied = Content(id: id, sentAt: 2, parts: [.text("copied"), .timer(60)])
    let request = LinkRequest(
      device: stage.alice.card.list.devices[0], capability: try! Capability(numbers(0..<32)),
      name: DeviceName("phone")!)
    let devices = Content(
      id: id, sentAt: 1,
      parts: [
        .link(.offer), .link(.request(request)),
        .copy(
          ConversationCopy(
            address: stage.alice.address, name: DeviceName("alice"), standing: .accepted, verifiedAt: 3, timer: 60,
            message: .init(.account, copied))),
      ])
    var (pathWriter, headWriter) = (WireWriter(), WireWriter())
    path.write(to: &pathWriter)
    head.write(to: &headWriter)
    let header = RatchetHeader(key: stage.alice.device.identity.publicKey, previousCount: 1, number: 2)
    return [
      [0] + content.encoded(), [0] + devices.encoded(), [1] + pathWriter.bytes, [2, 1, 2, 0x80, 0, 0],
      [3] + PrekeyIDs(of: stage.bundle).encoded(),
      [4] + header.encoded(), [5] + headWriter.bytes,
    ]
  }

  private static var ratchetSeeds: [[UInt8]] {
    let line = Line.shared
    let content = Content(id: try! MessageID(numbers(0..<16)), sentAt: 1, parts: [.text("seed")]).encoded() + [0x80]
    return [
      [0, 0, 3] + content, [1, 0, 3] + content, [1, 0, 9] + content, [1, 0x80, 9] + content,
      [2] + line.header(number: 2) + content, [3] + line.header(number: 7) + content,
    ]
  }

  private static var flightSeeds: [[UInt8]] {
    let stage = Stage.shared
    let honest = Box1.encode(
      card: stage.alice.card, device: stage.alice.device.id, replyPath: try! stage.alice.replyPath(), generation: 1,
      reset: false, seen: stage.bob.card.list.head)
    let tail = try! Padding.unpad(honest).dropFirst(stage.alice.card.encoded().count)
    return [
      [0] + PrekeyIDs(of: stage.bundle).encoded(), [1] + honest, [2] + tail, [3] + stage.alice.card.list.encoded(),
    ]
  }

  private static var stateSeeds: [[UInt8]] {
    let stage = Stage.shared
    func both(_ saved: Line.Saved) -> [UInt8] {
      let count = saved.state.secret.count
      return [0, UInt8(count >> 8), UInt8(count & 255)] + saved.state.secret.revealed()
        + saved.skipped.secret.revealed()
    }
    return [
      both(Line.shared.fresh), both(Line.shared.midway), [1], [2], [1, 0, 40, 7],
      [3] + stage.bob.signedPrekeys[1]!.secret.revealed(),
      [4], [5] + stage.bob.oneTime.values.first!.secret.revealed(), [5] + stage.alice.account.encoded().revealed(),
      [5] + stage.alice.device.encoded().revealed(),
    ]
  }
}
