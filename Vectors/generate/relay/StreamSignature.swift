import SottoCrypto
import SottoWire

@Sendable func streamSignature(_: Recorded) throws -> VectorFile {
  let (nonce, owner) = (seq(32, 32), try RelayExample.mailbox())
  func input(_ authority: String, _ epoch: Int, _ nonce: [UInt8]) -> Named {
    ["authority": .text(authority), "restore_epoch": .number(epoch), "nonce": .bytes(nonce)]
  }
  func challenge(_ epoch: Int, _ nonce: [UInt8]) throws -> StreamChallenge {
    try StreamChallenge(restoreEpoch: UInt64(epoch), nonce: nonce)
  }
  func one(_ id: String, _ comment: String, _ authority: String, _ epoch: Int, seed: [UInt8]) throws -> Case {
    let (key, relay) = (try SigningKey(seed: Secret(copying: seed)).publicKey, SottoWire.RelayAuthority(authority)!)
    let (challenge, mailbox) = (try challenge(epoch, nonce), MailboxID(owner: key))
    let frame = challenge.answer(authority: relay, signedBy: try SigningKey(seed: Secret(copying: seed))).encoded
    return Case(
      id, "stream.3", comment, input(authority, epoch, nonce) + ["seed": .bytes(seed)],
      output: [
        "message": .bytes(challenge.message(authority: relay, mailbox: mailbox)), "frame": .bytes(frame),
      ])
  }
  func verified(
    _ id: String, _ comment: String, _ frame: [UInt8], expect: CloseReason?, authority: String = "relay.example",
    epoch: Int = 1, nonce: [UInt8] = nonce, mailbox: MailboxID = owner, rule: String = "stream.3"
  ) throws -> Case {
    let verdict = try challenge(epoch, nonce).refusal(
      of: frame, authority: SottoWire.RelayAuthority(authority)!, mailbox: mailbox)
    guard verdict == expect else { throw WrongVerdict(id: id, verdict: verdict?.name ?? "accepted") }
    let fields = input(authority, epoch, nonce) + ["mailbox": .bytes(mailbox.bytes), "frame": .bytes(frame)]
    if let expect { return Case(id, rule, comment, fields, refusedAt: expect.name) }
    return Case(id, rule, comment, fields, output: [:])
  }
  func refused(_ id: String, _ comment: String, _ frame: [UInt8]) throws -> Case {
    try verified(id, comment, frame, expect: .refused)
  }
  let key = try SigningKey(seed: Secret(copying: RelayExample.seed))
  let stranger = try SigningKey(seed: Secret(copying: seq(1, 32)))
  let good = try challenge(1, nonce).answer(authority: RelayExample.authority, signedBy: key).encoded
  let (head, signature) = (Array(good[..<33]), Array(good[33...]))
  // The stranger signs the very message that the owner should.
  let message = try challenge(1, nonce).message(authority: RelayExample.authority, mailbox: owner)
  let foreign = stranger.sign(message)
  let strangersKey = [0x81] + stranger.publicKey.bytes
  let identity = [1] + [UInt8](repeating: 0, count: 31)
  let smallOrder = [0x81] + identity + identity + [UInt8](repeating: 0, count: 32)
  return VectorFile(
    construction: "relay", operation: "stream-signature", description: "The answer to a stream's challenge",
    cases: [
      try one("spec-example", "the answer in Specs/Relay.md", "relay.example", 1, seed: RelayExample.seed),
      try one("other-owner", "another owner, relay and epoch", "127.0.0.1:8090", 7, seed: seq(1, 32)),
      try one("ipv6", "an authority with brackets", "[2001:db8::1]:8443", 1, seed: RelayExample.seed),
      try verified("good", "the answer in Specs/Relay.md", good, expect: nil),
      try verified(
        "other-authority", "signed for another relay", good, expect: .refused, authority: "other.example"),
      try verified(
        "other-port", "signed for another port of the relay", good, expect: .refused, authority: "relay.example:8443"),
      try verified("other-epoch", "signed for an earlier epoch", good, expect: .refused, epoch: 2),
      try verified("other-nonce", "an answer to another challenge", good, expect: .refused, nonce: nonce.flipped(31)),
      try verified(
        "other-mailbox", "signed for the owner's mailbox, on a stream of another", good, expect: .refused,
        mailbox: MailboxID(owner: stranger.publicKey)),
      try refused(
        "strangers-key", "a stranger's key with its own signature of the same message", strangersKey + foreign),
      try refused("strangers-signature", "the owner's key with a stranger's signature", head + foreign),
      try refused(
        "strangers-answer", "a stranger's answer, right for its own mailbox",
        try challenge(1, nonce).answer(authority: RelayExample.authority, signedBy: stranger).encoded),
      try refused("altered-r", "one bit of R", head + signature.flipped(0)),
      try refused("altered-s", "one bit of S", head + signature.flipped(32)),
      try refused("s-plus-l", "S + L, a second name of the signature", head + plusOrder(signature)),
      try refused("zeros", "no signature", head + [UInt8](repeating: 0, count: 64)),
      try verified(
        "small-order-key", "the mailbox of a key of small order, under which anyone signs", smallOrder,
        expect: .refused,
        mailbox: MailboxID(owner: try VerifyingKey(identity))),
      try verified(
        "ack", "a frame of another type", SottoWire.ClientFrame.ack(index: 0, restoreEpoch: 1).encoded,
        expect: .refused),
      try verified("nothing", "no bytes", [], expect: .protocolError, rule: "stream.9"),
      try verified("unknown-type", "no such type", [0x80] + good.dropFirst(), expect: .protocolError, rule: "stream.9"),
      try verified("cut", "the last byte is missing", good.dropLast(), expect: .protocolError, rule: "stream.9"),
      try verified("trailing", "a byte more", good + [0], expect: .protocolError, rule: "stream.9"),
    ])
}
