import SottoCrypto
import SottoWire

@Sendable func requestSign(_: Recorded) throws -> VectorFile {
  let mailbox = try RelayExample.mailbox()
  let card = Route.card(try CardID(seq(0x10, 16)))
  func one(
    _ id: String, _ rule: String, _ comment: String, _ method: HTTPMethod, _ route: Route,
    seed: [UInt8] = RelayExample.seed, at authority: String = "relay.example", body: [UInt8] = [],
    sequence: UInt64? = nil, list: UInt64? = nil, condition: CardCondition? = nil,
    created: Int64 = RelayExample.created,
    order: ([String]) -> [String] = { $0 }
  ) throws -> Case {
    let request = OwnerRequest(
      method, route, at: SottoWire.RelayAuthority(authority)!, body: body, sequence: sequence, listSequence: list,
      condition: condition)
    let key = try SigningKey(seed: Secret(copying: seed))
    let headers = request.headers(signedBy: key, created: created)
    let base = request.signatureBase(of: key.publicKey, created: created)
    func value(_ name: String) -> Value { .text(headers.first { $0.name == name }!.value) }
    let fields = [
      sequence.map { "sotto-sequence: \($0)" }, list.map { "sotto-list-sequence: \($0)" },
      condition.map { "\($0.field.name): \($0.field.value)" },
    ]
    return Case(
      id, rule, comment,
      [
        "seed": .bytes(seed), "method": .text(method.rawValue), "authority": .text(authority),
        "path": .text(route.path), "body": .bytes(body), "fields": .list(order(fields.compactMap { $0 })),
        "created": .number(Int(created)),
      ],
      output: [
        "content_digest": value("content-digest"), "base": .text(String(decoding: base, as: UTF8.self)),
        "signature_input": value("signature-input"), "signature": value("signature"),
      ])
  }
  return VectorFile(
    construction: "relay", operation: "request-sign", description: "An owner's signed request",
    cases: [
      try one(
        "spec-example", "request.1", "the request in Specs/Relay.md", .put, .capabilities(mailbox),
        body: RelayExample.capabilities, sequence: RelayExample.sequence),
      try one("read", "request.4", "a read has no sequence", .get, .mailbox(mailbox)),
      try one(
        "create-mailbox", "request.5", "the digest of an empty body is there too", .put, .mailbox(mailbox), sequence: 1),
      try one("delete-mailbox", "request.1", "another method", .delete, .mailbox(mailbox), sequence: 9),
      try one(
        "signed-part", "request.5", "a body", .put, .signedPart(mailbox),
        body: SignedPartUpload(id: 3, sealed: [1, 2, 3]).encoded, sequence: 2),
      try one(
        "batch", "request.1", "a number in the path", .put, .batch(mailbox, 2),
        body: OneTimeUpload([OneTimePart(index: 0, sealed: [1])]).encoded, sequence: 3),
      try one("withdraw", "request.1", "a route that is only deleted", .delete, .oneTimeParts(mailbox), sequence: 4),
      try one(
        "first-card", "request.3", "a new card: three headers are covered", .put, card, seed: seq(1, 32),
        body: seq(0, 100), sequence: 5, list: 1, condition: .absent),
      try one(
        "next-card", "request.3", "a card that replaces another", .put, card, seed: seq(1, 32), body: seq(1, 100),
        sequence: 6, list: 2, condition: .replaces(1)),
      try one(
        "other-order", "request.3", "the order in which they are covered does not depend on the request", .put, card,
        seed: seq(1, 32), body: seq(1, 100), sequence: 6, list: 2, condition: .replaces(1), order: { $0.reversed() }),
      try one("delete-card", "request.3", "without a condition", .delete, card, seed: seq(1, 32), sequence: 7),
      try one(
        "port", "request.1", "the target URI has the authority's port", .get, .mailbox(mailbox),
        at: "relay.example:8443"),
      try one(
        "loopback-4", "relay.8", "http for a loopback address", .get, .mailbox(mailbox), at: "127.0.0.1:8090"),
      try one("loopback-6", "relay.8", "http for a loopback address", .get, .mailbox(mailbox), at: "[::1]:8090"),
      try one("localhost", "relay.8", "http for localhost", .get, .mailbox(mailbox), at: "localhost"),
      try one("ipv6", "relay.8", "https for another address", .get, .mailbox(mailbox), at: "[2001:db8::1]"),
      try one(
        "greatest-numbers", "relay.6", "2^63 - 1", .put, card, sequence: greatest, list: greatest,
        condition: .replaces(greatest)),
      try one(
        "zeros", "relay.6", "the number 0 is one digit", .put, card, sequence: 0, list: 0, condition: .replaces(0)),
      try one("created-0", "request.2", "the first second", .get, .mailbox(mailbox), created: 0),
    ])
}
