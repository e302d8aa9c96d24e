import SottoCrypto
import SottoSimulation
import SottoWire
import Testing

/// Every bit of what a mailbox's owner signs counts. The other frames and bodies have no authentication of their own.
@Suite struct SignedMutationTests {
  private let authority = RelayAuthority("relay.example")!
  private let now: Int64 = 1_700_000_000

  private func key() throws -> SigningKey { try SigningKey(seed: Secret(copying: Array(0..<32))) }

  // [stream.3]
  @Test func everyBitOfAStreamsAnswer() throws {
    let key = try key()
    let (authority, mailbox) = (authority, MailboxID(owner: key.publicKey))
    let challenge = try StreamChallenge(restoreEpoch: 7, nonce: [UInt8](repeating: 3, count: 32))
    let answer = challenge.answer(authority: authority, signedBy: key).encoded
    func isRefused(_ frame: [UInt8]) -> Bool {
      challenge.refusal(of: frame, authority: authority, mailbox: mailbox) != nil
    }
    #expect(!isRefused(answer))
    #expect(try Mutations(of: "a stream's answer", isRefused: isRefused).survivors(of: answer) == [])
    // And what it answers: another challenge is not the one that was signed.
    var frame = WireWriter()
    frame.u64(challenge.restoreEpoch)
    frame.fixed(challenge.nonce)
    func isOther(_ bytes: [UInt8]) throws -> Bool {
      var reader = WireReader(bytes)
      let bent = try StreamChallenge(restoreEpoch: try reader.u64(), nonce: try reader.fixed(32))
      return bent.refusal(of: answer, authority: authority, mailbox: mailbox) != nil
    }
    #expect(try !isOther(frame.bytes))
    #expect(try Mutations(of: "a stream's challenge", isRefused: isOther).survivors(of: frame.bytes) == [])
  }

  /// The parts of a request that its signature covers, and the signature's own headers.
  private struct Request {
    var method: [UInt8]
    var authority: [UInt8]
    var path: [UInt8]
    var body: [UInt8]
    var headers: [(name: String, value: [UInt8])]
  }

  // [request.1] [request.2] [request.3] [request.5] [request.7]
  @Test func everyBitOfAnOwnersRequest() throws {
    let card = Route.card(try CardID([UInt8](repeating: 1, count: 16)))
    let request = OwnerRequest(
      .put, card, at: authority, body: Array("the new card".utf8), sequence: 12, listSequence: 3,
      condition: .replaces(2))
    let honest = Request(
      method: Array("PUT".utf8), authority: Array(authority.text.utf8), path: Array(card.path.utf8),
      body: Array("the new card".utf8),
      headers: request.headers(signedBy: try key(), created: now).map { ($0.name, Array($0.value.utf8)) })
    #expect(!isRefused(honest))
    var survivors: [String] = []
    func mutate(_ name: String, _ bytes: [UInt8], _ change: @escaping (inout Request, [UInt8]) -> Void) throws {
      survivors += try Mutations(of: "a request's \(name)") { bent in
        var request = honest
        change(&request, bent)
        return isRefused(request)
      }.survivors(of: bytes)
    }
    try mutate("method", honest.method) { $0.method = $1 }
    try mutate("authority", honest.authority) { $0.authority = $1 }
    try mutate("path", honest.path) { $0.path = $1 }
    try mutate("body", honest.body) { $0.body = $1 }
    for (place, header) in honest.headers.enumerated() {
      try mutate("header \(header.name)", header.value) { $0.headers[place].value = $1 }
    }
    #expect(survivors == [])
  }

  private func isRefused(_ request: Request) -> Bool {
    func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }
    guard let authority = RelayAuthority(text(request.authority)) else { return true }
    let verified = try? VerifiedOwnerRequest(
      method: text(request.method), authority: authority, path: text(request.path), body: request.body, now: now,
      header: { name in request.headers.filter { $0.name == name }.map { text($0.value) } })
    return verified == nil
  }
}
