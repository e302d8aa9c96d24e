import SottoCrypto
import SottoRelay
import SottoWire
import Testing

/// Rules that need no store, and the encodings that both sides share.
@Suite struct RuleTests {
  /// [relay.19]
  @Test func bucketRefills() {
    let rate = TokenBucket.Rate(burst: 3, secondsPerToken: 10)
    var bucket = TokenBucket(now: 100)
    for _ in 0..<3 { #expect(bucket.take(rate, now: 100) == nil) }
    #expect(bucket.take(rate, now: 100) == 10)
    #expect(bucket.take(rate, now: 109) == 1)
    #expect(bucket.take(rate, now: 110) == nil)
    #expect(bucket.take(rate, now: 110) == 10)
    for _ in 0..<3 { #expect(bucket.take(rate, now: 10_000) == nil) }
    #expect(bucket.take(rate, now: 10_000) != nil, "never more than the burst")
    #expect(bucket.take(rate, now: 0) != nil, "a clock that goes back gives nothing away")
  }

  /// [relay.14]
  @Test func capabilitySets() throws {
    let hash = Digest.of("test", [1])
    let other = Digest.of("test", [2])
    let set = try CapabilitySet([CapabilitySlot(.knock, hash), CapabilitySlot(.retiring, other, expires: 5)])
    #expect(try CapabilitySet(decoding: set.encoded) == set)
    #expect(throws: WireError.invalidValue) {
      try CapabilitySet([CapabilitySlot(.knock, hash), CapabilitySlot(.contact, hash)])
    }
    #expect(throws: WireError.invalidValue) { try CapabilitySet([CapabilitySlot(.retiring, hash)]) }
    #expect(throws: WireError.invalidValue) { try CapabilitySet([CapabilitySlot(.contact, hash, expires: 9)]) }
    let many = (0..<17).map { CapabilitySlot(.contact, Digest.of("test", [UInt8($0)])) }
    #expect(throws: WireError.outOfRange) { try CapabilitySet(many) }
    #expect(throws: WireError.trailingBytes) { try CapabilitySet(decoding: set.encoded + [0]) }
    #expect(throws: WireError.truncated) { try CapabilitySet(decoding: set.encoded.dropLast()) }
    var unknown = set.encoded
    unknown[2] = 9
    #expect(throws: WireError.invalidValue) { try CapabilitySet(decoding: unknown) }
    let now: Int64 = 1_000_000
    let latest = UInt64(now) + 7 * 86_400 + 300
    for (expires, isFine) in [(latest, true), (latest + 1, false)] {
      let set = try CapabilitySet([CapabilitySlot(.retiring, hash, expires: expires)])
      #expect(((try? MailboxRules.check(set, now: now)) != nil) == isFine)
    }
  }

  /// [relay.1] [relay.2] [relay.3] [relay.4] [relay.5]
  @Test func names() throws {
    let key = Owner(1).key.publicKey
    #expect(MailboxID(owner: key).bytes == Array(Digest.of("mailbox", key.bytes).bytes.prefix(16)))
    #expect(MailboxID(owner: key) == Owner(1).mailbox && MailboxID(owner: key) != Owner(2).mailbox)
    #expect(throws: WireError.outOfRange) { try CardID([1]) }
    #expect(throws: WireError.outOfRange) { try EnvelopeID([UInt8](repeating: 0, count: 17)) }
    #expect(throws: WireError.outOfRange) { try Capability([UInt8](repeating: 0, count: 31)) }
    let capability = try Capability([UInt8](repeating: 3, count: 32))
    #expect(capability.hash == Digest.of("capability", capability.bytes))
    #expect(CapabilityClass.allCases.map(\.rawValue) == [1, 2, 3])
  }

  /// [relay.6] [relay.32]
  @Test func numbersAndBase64() {
    for text in ["", "01", "-1", "+1", " 1", "1 ", "0x1", "9223372036854775808", "99999999999999999999", "١"] {
      #expect(DecimalNumber.decode(text) == nil, "\(text)")
    }
    #expect(DecimalNumber.decode("0") == 0 && DecimalNumber.decode("9223372036854775807") == UInt64(Int64.max))
    let known = [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE=")]
    for (plain, text) in known {
      #expect(Base64.encode(Array(plain.utf8)) == text && Base64.decode(text) == Array(plain.utf8))
    }
    for text in ["Zg=", "Zg", "Zh==", "Zm9=", "Z===", "====", "Zm 9", "Zm-_", "Zg==Zg==", "=Zg="] {
      #expect(Base64.decode(text) == nil, "\(text)")
    }
  }

  /// [relay.7] [relay.8]
  @Test func authorities() {
    for (text, origin) in [
      ("relay.example", "https://relay.example"), ("relay.example:8443", "https://relay.example:8443"),
      ("localhost:8090", "http://localhost:8090"), ("127.0.0.1:1", "http://127.0.0.1:1"),
      ("127.9.9.9", "http://127.9.9.9"), ("[::1]:8090", "http://[::1]:8090"),
      ("[2001:db8::1]", "https://[2001:db8::1]"),
      ("127.0.0.1.example", "https://127.0.0.1.example"), ("10.0.0.1:80", "https://10.0.0.1:80"),
    ] {
      #expect(RelayAuthority(text)?.origin == origin, "\(text)")
    }
    for text in [
      "", "Relay.example", "relay.example:443", "localhost:80", "relay.example:", "relay.example:08443", "a b", "a/b",
      "user@relay.example", "relay..example", "-a.example", "::1", "[::1", "[g::1]", "a:1:2", "relay.example:65536",
      "relay.example.", String(repeating: "a", count: 64), "re\u{301}lay.example",
    ] {
      #expect(RelayAuthority(text) == nil, "\(text)")
    }
  }

  /// [relay.9]
  @Test func routes() throws {
    let mailbox = Owner(1).mailbox
    let card = try CardID([UInt8](repeating: 1, count: 16))
    let all: [Route] = [
      .live, .ready, .card(card), .mailbox(mailbox), .capabilities(mailbox), .signedPart(mailbox),
      .oneTimeParts(mailbox),
      .batch(mailbox, 12), .claim(mailbox), .envelope(mailbox, envelopeID(1)), .push(mailbox), .stream(mailbox),
      .send,
    ]
    for route in all {
      #expect(Route(path: route.path) == route)
      #expect(!route.methods.isEmpty)
      for bad in [
        route.path + "/", route.path + "?a=1", "/" + route.path, route.path.uppercased(), route.path + "%20",
        " " + route.path,
      ] {
        #expect(Route(path: bad) == nil, "\(bad)")
      }
    }
    for bad in [
      "", "/", "/v1", "/v1/cards", "/v1/cards/00", "/v1/mailboxes/../livez", "/v1/mailboxes/\(mailbox.text)/prekeys",
      "/v1/mailboxes/\(mailbox.text)/prekeys/one-time/01", "http://relay.example/livez", "/livez\u{0}",
    ] {
      #expect(Route(path: bad) == nil, "\(bad)")
    }
  }

  /// [relay.10]
  @Test func problems() {
    for problem in Problem.allCases {
      #expect(Problem(document: problem.document) == problem)
      #expect(problem.document.contains("\"status\":\(problem.status)"))
      #expect(!problem.document.dropFirst().dropLast().contains("\\"))
    }
    #expect(Problem(document: "{}") == nil)
  }

  /// [relay.13] [relay.15] [relay.16] [relay.18] [stream.1] [send.1]
  @Test func encodingsAreStrict() throws {
    func strict<T: Equatable>(_ value: T, _ bytes: [UInt8], _ decode: ([UInt8]) throws(WireError) -> T) throws {
      #expect(try decode(bytes) == value)
      #expect(throws: WireError.self) { try decode(bytes + [0]) }
      for count in 0..<bytes.count {
        #expect((try? decode(Array(bytes[..<count]))) == nil, "\(T.self) cut at \(count)")
      }
    }
    let status = MailboxStatus(
      sequence: 1, restoreEpoch: 2, signedPart: 3, oneTimeParts: 4, lastResortClaims: 5, envelopes: 6, envelopeBytes: 7,
      capabilities: [.contact])
    try strict(status, status.encoded) { (bytes) throws(WireError) in try MailboxStatus(decoding: bytes) }
    let part = SignedPartUpload(id: 9, sealed: [1, 2])
    try strict(part, part.encoded) { (bytes) throws(WireError) in try SignedPartUpload(decoding: bytes) }
    let upload = try OneTimeUpload([OneTimePart(index: 1, sealed: [1]), OneTimePart(index: 4, sealed: [2])])
    try strict(upload, upload.encoded) { (bytes) throws(WireError) in try OneTimeUpload(decoding: bytes) }
    for oneTime in [nil, ClaimedPrekeys.OneTime(batch: 1, index: 2, sealed: [3])] {
      let claimed = ClaimedPrekeys(signedPart: part, oneTime: oneTime)
      try strict(claimed, claimed.encoded) { (bytes) throws(WireError) in try ClaimedPrekeys(decoding: bytes) }
    }
    #expect(throws: WireError.invalidValue) { try OneTimeUpload([upload.parts[1], upload.parts[0]]) }
    #expect(throws: WireError.outOfRange) { try OneTimeUpload([]) }
    #expect(throws: WireError.outOfRange) {
      try SignedPartUpload(decoding: SignedPartUpload(id: 1 << 63, sealed: [1]).encoded)
    }
    #expect(throws: WireError.outOfRange) {
      try SignedPartUpload(decoding: SignedPartUpload(id: 1, sealed: []).encoded)
    }
    let challenge = try StreamChallenge(restoreEpoch: 1, nonce: [UInt8](repeating: 1, count: 32))
    let server: [ServerFrame] = [
      .challenge(challenge), .envelope(index: 1, id: envelopeID(1), bytes: envelope(1)), .caughtUp(index: 2),
      .closing(.slow),
    ]
    for frame in server {
      try strict(frame, frame.encoded) { (bytes) throws(WireError) in try ServerFrame(decoding: bytes) }
    }
    let sent: [SendFrame] = [
      .answers([PutAnswer(number: 1)]), .answers(PutAnswer.problems.map { PutAnswer(number: 9, problem: $0) }),
      .closing(.slow),
    ]
    for frame in sent {
      try strict(frame, frame.encoded) { (bytes) throws(WireError) in try SendFrame(decoding: bytes) }
    }
    for bytes in [[0x11, 9, 0, 0, 0, 1, 0, 200, 0, 0, 0], [0x11, 9, 0, 0, 0, 1, 1, 251, 8, 0, 0]] as [[UInt8]] {
      #expect(throws: WireError.invalidValue, "a status or code that does not belong") {
        try SendFrame(decoding: bytes)
      }
    }
    let put = PutFrame(
      number: 1, mailbox: Owner(1).mailbox, id: envelopeID(1), capability: Owner(1).contact, bytes: [1, 2, 3])
    try strict(put, put.encoded) { (bytes) throws(WireError) in try PutFrame(decoding: bytes) }
    let client = [
      ClientFrame.ack(index: 1, restoreEpoch: 2),
      challenge.answer(authority: RelayAuthority("a")!, signedBy: Owner(1).key),
    ]
    for frame in client {
      try strict(frame, frame.encoded) { (bytes) throws(WireError) in try ClientFrame(decoding: bytes) }
    }
  }
}
