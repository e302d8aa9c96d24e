import Foundation
import SottoCrypto
import SottoWire
import Testing

/// Every worked example of Specs/Relay.md is computed here and must stand there, byte for byte.
@Suite struct SpecExampleTests {
  static let key = try! SigningKey(seed: Secret(copying: Array(0..<32)))
  static let authority = RelayAuthority("relay.example")!

  private static let document: String? = {
    let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    return try? String(contentsOf: root.appending(path: "Specs/Relay.md"), encoding: .utf8)
  }()

  private func stands(_ name: String, _ text: String, _ location: SourceLocation = #_sourceLocation) throws {
    let document = try #require(Self.document)
    // Long values are broken into lines in the document.
    let flat = document.split(whereSeparator: \.isWhitespace).joined(separator: " ")
    let joined = document.filter { !$0.isWhitespace }
    #expect(
      flat.contains(text) || joined.contains(text.filter { !$0.isWhitespace }), "\(name) should be \(text)",
      sourceLocation: location)
  }

  @Test func mailboxName() throws {
    try stands("key", Hex.encode(Self.key.publicKey.bytes))
    try stands("mailbox", MailboxID(owner: Self.key.publicKey).text)
    let capability = try Capability([UInt8](repeating: 7, count: 32))
    try stands("capability hash", Hex.encode(capability.hash.bytes))
  }

  @Test func signedRequest() throws {
    let mailbox = MailboxID(owner: Self.key.publicKey)
    let set = try CapabilitySet([CapabilitySlot(.contact, try Capability([UInt8](repeating: 7, count: 32)).hash)])
    try stands("capability set", Hex.encode(set.encoded))
    let request = OwnerRequest(
      .put, .capabilities(mailbox), at: Self.authority, body: set.encoded, sequence: 1_700_000_000_000)
    for field in request.headers(signedBy: Self.key, created: 1_700_000_000) {
      try stands(field.name, field.value)
    }
  }

  @Test func bodies() throws {
    try stands("signed part", Hex.encode(SignedPartUpload(id: 3, sealed: [1, 2, 3]).encoded))
    let upload = try OneTimeUpload([OneTimePart(index: 0, sealed: [1]), OneTimePart(index: 1, sealed: [2, 3])])
    try stands("batch", Hex.encode(upload.encoded))
    let claimed = ClaimedPrekeys(
      signedPart: SignedPartUpload(id: 3, sealed: [1, 2, 3]), oneTime: .init(batch: 2, index: 1, sealed: [2, 3]))
    try stands("claim", Hex.encode(claimed.encoded))
    let status = MailboxStatus(
      sequence: 1_700_000_000_000, restoreEpoch: 1, signedPart: 3, oneTimeParts: 2, lastResortClaims: 1, envelopes: 4,
      envelopeBytes: 2048, capabilities: [.knock, .contact])
    try stands("status", Hex.encode(status.encoded))
  }

  @Test func frames() throws {
    let challenge = try StreamChallenge(restoreEpoch: 1, nonce: Array(32..<64))
    let mailbox = MailboxID(owner: Self.key.publicKey)
    try stands("challenge", Hex.encode(ServerFrame.challenge(challenge).encoded))
    try stands("message", Hex.encode(challenge.message(authority: Self.authority, mailbox: mailbox)))
    try stands("answer", Hex.encode(challenge.answer(authority: Self.authority, signedBy: Self.key).encoded))
    try stands("caught-up", Hex.encode(ServerFrame.caughtUp(index: 9).encoded))
    try stands("ack", Hex.encode(ClientFrame.ack(index: 9, restoreEpoch: 1).encoded))
    try stands("closing", Hex.encode(ServerFrame.closing(.displaced).encoded))
    let envelope = try ServerFrame.envelope(
      index: 9, id: EnvelopeID(Array(0..<16)), bytes: [UInt8](repeating: 0xaa, count: 512))
    try stands("envelope head", Hex.encode(Array(envelope.encoded[..<28])))
  }

  @Test func sendFrames() throws {
    let put = PutFrame(
      number: 1, mailbox: MailboxID(owner: Self.key.publicKey), id: try EnvelopeID(Array(0..<16)),
      capability: try Capability([UInt8](repeating: 7, count: 32)), bytes: [UInt8](repeating: 0xaa, count: 512))
    try stands("put head", Hex.encode(Array(put.encoded[..<72])))
    try stands("longest put", "65,609 bytes")
    #expect(PutFrame.limit == 65_609)
    let refused = PutAnswer(number: 2, problem: .tooManyRequests, retryAfter: 6)
    try stands("answers", Hex.encode(SendFrame.answers([PutAnswer(number: 1), refused]).encoded))
    try stands("closing", Hex.encode(SendFrame.closing(.restarting).encoded))
    for (code, problem) in PutAnswer.problems.enumerated() {
      try stands(problem.rawValue, "| \(code + 1) | \(problem.status) | `\(problem.rawValue)`")
    }
  }

  /// [blob.7]
  @Test func blobs() throws {
    try stands("hash", Hex.encode(Digest.of("blob", [UInt8](repeating: 0, count: 65_536)).bytes))
    let blob = try BlobID(Array(0..<16))
    let capability = try Capability([UInt8](repeating: 7, count: 32))
    for method in ["PUT", "PATCH"] {
      let line = "\(method) \(Route.upload(MailboxID(owner: Self.key.publicKey), blob).path) HTTP/1.1"
      try stands(method, "\(line) host: relay.example")
    }
    try stands("capability", "\(HeaderName.capability): \(capability.text) \(HeaderName.uploadLength): 65536")
  }

  @Test func everyProblem() throws {
    for problem in Problem.allCases { try stands(problem.rawValue, "| \(problem.status) | `\(problem.rawValue)` |") }
  }
}
