import SottoCrypto
import SottoWire

@Sendable func requestVerify(_: Recorded) throws -> VectorFile {
  VectorFile(
    construction: "relay", operation: "request-verify",
    description: "What a relay checks of an owner's request before it looks anything up",
    cases: try goodRequests() + wrongHeaders() + wrongCoverage() + wrongContent() + misspeltRequests())
}

private func goodRequests() throws -> [Case] {
  let (example, card, read) = try (SignedRequest.example(), SignedRequest.card(), SignedRequest.read())
  return [
    try example.accepted("spec-example", "request.1", "the request in Specs/Relay.md"),
    try example.with {
      $0.send = { [HeaderField("host", "relay.example"), HeaderField("content-length", "42")] + $0 }
    }.accepted("all-lines", "request.3", "with all its header lines: others are neither covered nor looked at"),
    try example.with { $0.send = { $0.reversed() } }.accepted("other-order", "request.3", "header lines in any order"),
    try example.with { $0.now += 300 }.accepted(
      "created-300-early", "request.6", "signed 300 s before the relay's now"),
    try example.with { $0.now -= 300 }.accepted("created-300-late", "request.6", "signed 300 s after the relay's now"),
    try read.accepted("read", "request.4", "a read needs no sequence"),
    try read.with { $0.fields = [HeaderField("sotto-sequence", "7")] }
      .accepted("read-with-sequence", "request.3", "a read may have one; then it is covered"),
    try card.accepted("card", "request.3", "three headers are covered; a card's name shows no key"),
    try card.with { $0.fields[2] = HeaderField("if-none-match", "*") }
      .accepted("first-card", "relay.21", "the other condition"),
    try card.with { request in
      request.method = "DELETE"
      request.body = []
      request.fields = [HeaderField("sotto-sequence", "6")]
    }.accepted("delete-card", "request.3", "without a condition"),
    try read.with { $0.authority = "[::1]:8090" }.accepted("loopback", "relay.8", "http for a loopback address"),
    try read.with { $0.authority = "relay.example:8443" }.accepted("port", "request.1", "an authority with a port"),
    try card.with { request in
      request.fields = [
        HeaderField("sotto-sequence", String(greatest)), HeaderField("sotto-list-sequence", String(greatest)),
        HeaderField("if-match", "\"\(greatest)\""),
      ]
    }.accepted("greatest-numbers", "relay.6", "2^63 - 1"),
    try card.with { request in
      request.fields = [
        HeaderField("sotto-sequence", "0"), HeaderField("sotto-list-sequence", "0"), HeaderField("if-match", "\"0\""),
      ]
    }.accepted("zeros", "relay.6", "the number 0"),
  ]
}

/// What is missing or there twice.
private func wrongHeaders() throws -> [Case] {
  func missing(_ name: String, _ rule: String) throws -> Case {
    try refusedRequest("no-\(name)", rule, "\(name) is missing", .signatureMissing) { $0.send = { $0.without(name) } }
  }
  func twice(_ name: String, of request: SignedRequest? = nil) throws -> Case {
    try refusedRequest("two-\(name)", "request.7", "\(name) twice, with one value", of: request) {
      $0.send = { $0.twice(name) }
    }
  }
  let card = try SignedRequest.card()
  return [
    try missing("signature-input", "request.2"), try missing("signature", "request.2"),
    try missing("content-digest", "request.5"), try twice("signature-input"), try twice("signature"),
    try twice("content-digest"), try twice("sotto-sequence"), try twice("sotto-list-sequence", of: card),
    try twice("if-match", of: card),
    try twice("if-none-match", of: card.with { $0.fields[2] = HeaderField("if-none-match", "*") }),
  ]
}

/// Genuine signatures over one thing too many, too few, or elsewhere.
private func wrongCoverage() throws -> [Case] {
  func covering(
    _ id: String, _ comment: String, of request: SignedRequest? = nil,
    _ cover: @escaping ([HeaderField]) -> [HeaderField]
  ) throws -> Case {
    try refusedRequest(id, "request.3", comment, of: request) { $0.cover = cover }
  }
  func uncovered(_ name: String, _ value: String) throws -> Case {
    try refusedRequest("uncovered-\(name)", "request.3", "\(name) is there and not covered") {
      $0.send = { $0 + [HeaderField(name, value)] }
    }
  }
  return [
    try uncovered("sotto-list-sequence", "2"), try uncovered("if-match", "\"1\""), try uncovered("if-none-match", "*"),
    try covering("uncovered-sotto-sequence", "sotto-sequence is there and not covered") {
      $0.without("sotto-sequence")
    },
    try covering("uncovered-content-digest", "content-digest is not covered") { $0.without("content-digest") },
    try covering("uncovered-method", "the method is not covered") { $0.without("@method") },
    try covering("uncovered-target-uri", "the URI is not covered") { $0.without("@target-uri") },
    try covering("covered-host", "one more header is covered") { $0 + [HeaderField("host", "relay.example")] },
    try covering("covered-twice", "a header is covered twice") { $0.twice("sotto-sequence") },
    try covering("covered-parts", "@authority and @path instead of @target-uri") {
      $0.flatMap { line in
        guard line.name == "@target-uri" else { return [line] }
        let path = line.value.dropFirst("https://relay.example".count)
        return [HeaderField("@authority", "relay.example"), HeaderField("@path", String(path))]
      }
    },
    try covering(
      "covered-absent", "a header is covered that the request does not have", of: try .read()
    ) { $0 + [HeaderField("sotto-sequence", "7")] },
    try covering("order-method", "the method after the URI") { $0.moving("@method", to: 1) },
    try covering("order-digest", "the digest before the URI") { $0.moving("content-digest", to: 1) },
    try covering("order-sequence", "the sequence before the digest") { $0.moving("sotto-sequence", to: 2) },
    try covering("order-card", "the condition before the list sequence", of: try .card()) {
      $0.moving("if-match", to: 4)
    },
  ]
}

/// Genuine signatures over other values than those that arrive.
private func wrongContent() throws -> [Case] {
  func signedFor(_ id: String, _ comment: String, rule: String = "request.1", _ target: String) throws -> Case {
    try refusedRequest(id, rule, comment) { $0.target = target }
  }
  func sending(_ id: String, _ name: String, _ value: String, of request: SignedRequest? = nil) throws -> Case {
    try refusedRequest(id, "request.1", "another value of \(name) than the signed one", of: request) {
      $0.send = { $0.replacing(name) { _ in value } }
    }
  }
  func method(_ id: String, _ comment: String, _ method: String) throws -> Case {
    try refusedRequest(id, "request.1", comment) { $0.cover = { $0.replacing("@method") { _ in method } } }
  }
  let (path, card) = (try SignedRequest.example().path, try SignedRequest.card())
  return [
    try signedFor("scheme", "signed for http, at a DNS name", rule: "relay.8", "http://relay.example\(path)"),
    try refusedRequest("loopback-scheme", "relay.8", "signed for https, at a loopback address") {
      $0.authority = "127.0.0.1:8090"
      $0.target = "https://127.0.0.1:8090" + $0.path
    },
    try signedFor("other-authority", "signed for another relay", "https://other.example\(path)"),
    try signedFor("other-port", "signed for another port of the relay", "https://relay.example:8443\(path)"),
    try signedFor("own-port", "signed with the scheme's own port spelt out", "https://relay.example:443\(path)"),
    try signedFor("upper-authority", "signed with the authority in upper case", "https://RELAY.EXAMPLE\(path)"),
    try signedFor(
      "other-path", "signed for another path of the mailbox",
      "https://relay.example\(Route.signedPart(try RelayExample.mailbox()).path)"),
    try signedFor("trailing-slash", "signed with a slash at the end", "https://relay.example\(path)/"),
    try signedFor("query", "signed with an empty query", "https://relay.example\(path)?"),
    try signedFor("no-origin", "signed for the path alone", path),
    try method("other-method", "signed for another method", "DELETE"),
    try method("lower-case-method", "signed with the method in lower case", "put"),
    try sending("other-sequence", "sotto-sequence", "1700000000001"),
    try sending("other-list-sequence", "sotto-list-sequence", "3", of: card),
    try sending("other-condition", "if-match", "\"2\"", of: card),
    try refusedRequest("other-digest", "request.1", "another digest than the signed one, and right for the body") {
      let digest = ContentDigest.of($0.body)
      $0.digest = ContentDigest.of([])
      $0.send = { $0.replacing("content-digest") { _ in digest } }
    },
  ]
}
