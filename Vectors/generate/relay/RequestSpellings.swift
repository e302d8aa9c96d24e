import SottoCrypto
import SottoWire

/// Refusals of relay/request-verify whose signature covers what it should: its spelling, its time, its key, its rights.
func misspeltRequests() throws -> [Case] {
  try wrongParameters() + wrongTimes() + wrongKeys() + wrongDigests() + wrongSignatures() + wrongNumbers()
    + wrongConditions() + wrongRights()
}

private func wrongParameters() throws -> [Case] {
  func respelt(_ id: String, _ comment: String, _ part: String, _ other: String) throws -> Case {
    try refusedRequest(id, "request.7", comment) { $0.respell = { $0.replacing(part, with: other) } }
  }
  func appended(_ id: String, _ comment: String, _ text: String) throws -> Case {
    try refusedRequest(id, "request.7", comment) { $0.respell = { $0 + text } }
  }
  func sent(_ id: String, _ comment: String, _ name: String, _ change: @escaping (String) -> String) throws -> Case {
    try refusedRequest(id, "request.7", comment) { $0.send = { $0.replacing(name, change) } }
  }
  return [
    try refusedRequest("other-label", "request.7", "another label, in both headers") { $0.label = "sig1" },
    try refusedRequest("upper-label", "request.7", "the label in upper case, in both headers") { $0.label = "Sotto" },
    try sent("label-of-input", "another label in signature-input", "signature-input") {
      $0.replacing("sotto=", with: "sig1=")
    },
    try sent("label-of-signature", "another label in signature", "signature") {
      $0.replacing("sotto=", with: "sig1=")
    },
    try refusedRequest("second-signature", "request.7", "a second signature in the same headers") {
      $0.send = { lines in
        lines.map { line in
          guard line.name.hasPrefix("signature") else { return line }
          return HeaderField(line.name, line.value + ", other" + line.value.dropFirst("sotto".count))
        }
      }
    },
    try appended("nonce", "one more parameter", ";nonce=\"a\""),
    try appended("tag", "one more parameter", ";tag=\"sotto\""),
    try appended("expires", "one more parameter", ";expires=1700000300"),
    try respelt("no-created", "no time", ";created=1700000000", ""),
    try refusedRequest("no-keyid", "request.7", "no key") { request in
      request.respell = { $0.replacing(/;keyid="[0-9a-f]*"/, with: "") }
    },
    try respelt("no-alg", "no algorithm", ";alg=\"ed25519\"", ""),
    try respelt("other-alg", "another algorithm", "\"ed25519\"", "\"hmac-sha256\""),
    try respelt("upper-alg", "the algorithm in upper case", "\"ed25519\"", "\"ED25519\""),
    try refusedRequest("parameter-order", "request.7", "the algorithm before the key") { request in
      request.respell = { $0.replacing(/(;keyid="[0-9a-f]*")(;alg="ed25519")/) { "\($0.2)\($0.1)" } }
    },
    try respelt("created-twice", "the time twice", ";created=", ";created=1700000000;created="),
    try respelt("space-after-semicolon", "a space after a semicolon", ";alg=", "; alg="),
    try respelt("two-spaces", "two spaces between names", " \"content", "  \"content"),
    try respelt("component-parameter", "a parameter of a covered name", "\"content-digest\"", "\"content-digest\";sf"),
    try respelt("greek-question-mark", "canonically a semicolon, but not by its bytes", ";alg", "\u{37e}alg"),
    try sent("trailing-space", "a space at the end", "signature-input") { $0 + " " },
  ]
}

private func wrongTimes() throws -> [Case] {
  func skewed(_ id: String, _ comment: String, _ seconds: Int64) throws -> Case {
    try refusedRequest(id, "request.6", comment, .clockSkew) { $0.now += seconds }
  }
  func created(_ id: String, _ rule: String, _ comment: String, _ text: String) throws -> Case {
    try refusedRequest(id, rule, comment) { $0.created = text }
  }
  return [
    try skewed("created-301-early", "signed 301 s before the relay's now", 301),
    try skewed("created-301-late", "signed 301 s after the relay's now", -301),
    try skewed("created-year-early", "signed a year ago", 31_536_000),
    try created("created-leading-zero", "relay.6", "a leading zero", "01700000000"),
    try created("created-sign", "relay.6", "a sign", "+1700000000"),
    try created("created-negative", "relay.6", "a negative number", "-1700000000"),
    try created("created-fraction", "request.7", "a fraction", "1700000000.0"),
    try created("created-2-63", "relay.6", "2^63", String(tooLarge)),
    try created("created-text", "request.7", "a string", "\"1700000000\""),
    try created("created-empty", "request.7", "nothing", ""),
  ]
}

private func wrongKeys() throws -> [Case] {
  let key = try RelayExample.publicKey().bytes
  func keyid(_ id: String, _ comment: String, _ text: String) throws -> Case {
    try refusedRequest(id, "request.7", comment) { $0.keyid = text }
  }
  return [
    try keyid("keyid-upper", "the key in upper case", Hex.encode(key).uppercased()),
    try keyid("keyid-base64", "the key in base64", Base64Text.encode(key)),
    try keyid("keyid-short", "31 bytes of the key", Hex.encode(key.dropLast())),
    try keyid("keyid-long", "a byte more than the key", Hex.encode(key + [0])),
    try keyid("keyid-odd", "63 digits", String(Hex.encode(key).dropLast())),
    try keyid("keyid-empty", "no key", ""),
    try keyid("keyid-mailbox", "the mailbox's name", try RelayExample.mailbox().text),
    try refusedRequest("keyid-unquoted", "request.7", "a token instead of a string") { request in
      request.respell = { $0.replacing(/keyid="([0-9a-f]*)"/) { "keyid=\($0.1)" } }
    },
    try refusedRequest("strangers-signature", "request.7", "the owner's key with a stranger's signature") {
      $0.keyid = Hex.encode(key)
      $0.seed = seq(1, 32)
    },
    try keyid(
      "strangers-key", "a stranger's key with the owner's signature",
      Hex.encode(try SigningKey(seed: Secret(copying: seq(1, 32))).publicKey.bytes)),
  ]
}

/// Signed all the same.
private func wrongDigests() throws -> [Case] {
  func digest(
    _ id: String, _ comment: String, of request: SignedRequest? = nil, _ change: (String) -> String
  ) throws -> Case {
    try refusedRequest(id, "request.5", comment, .digestMismatch, of: request) {
      $0.digest = change(ContentDigest.of($0.body))
    }
  }
  func body(_ id: String, _ comment: String, _ change: @escaping ([UInt8]) -> [UInt8]) throws -> Case {
    try refusedRequest(id, "request.5", comment, .digestMismatch) {
      $0.digest = ContentDigest.of($0.body)
      $0.body = change($0.body)
    }
  }
  /// A body whose digest has every character that another spelling replaces.
  func request(_ characters: String) throws -> SignedRequest {
    let body = (0..<4_096).lazy.map { number in wire { $0.u16(UInt16(number)) } }.first { body in
      let digest = ContentDigest.of(body).dropFirst("sha-256=:".count)
      return characters.allSatisfy(digest.contains)
    }!
    return try .card().with { $0.body = body }
  }
  return [
    try body("body-altered", "one bit of the body") { $0.flipped(20) },
    try body("body-longer", "a byte more") { $0 + [0] },
    try body("body-cut", "the last byte of the body is missing") { $0.dropLast() },
    try body("body-missing", "no body") { _ in [] },
    try refusedRequest(
      "body-added", "request.5", "a body, and the digest of an empty one", .digestMismatch, of: try .read()
    ) {
      $0.digest = ContentDigest.of([])
      $0.body = [0]
    },
    try digest("digest-other-algorithm", "the SHA-256 as another algorithm") {
      $0.replacing("sha-256", with: "sha-512")
    },
    try digest("digest-upper", "the algorithm in upper case") { $0.replacing("sha-256", with: "SHA-256") },
    try digest("digest-two", "two digests of the same body") { "\($0), \($0.replacing("sha-256", with: "sha-512"))" },
    try digest("digest-parameter", "a parameter") { $0 + ";a" },
    try digest("digest-no-padding", "base64 without padding") { $0.dropLast(2) + ":" },
    try digest("digest-string", "a string instead of a byte sequence") { "sha-256=\"\($0.dropFirst(9).dropLast())\"" },
    try digest("digest-spare-bits", "spare bits that are not zero", of: try request("")) { text in
      let last = text.dropLast(2).last!
      return text.dropLast(3) + String(Character(UnicodeScalar(last.asciiValue! + 1))) + "=:"
    },
    try digest("digest-url", "the URL alphabet", of: try request("+/")) {
      $0.replacing("+", with: "-").replacing("/", with: "_")
    },
    try digest("digest-kelvin", "a Kelvin sign, canonically a K", of: try request("K")) {
      $0.replacing("K", with: "\u{212a}")
    },
    try digest("digest-hexadecimal", "hexadecimal between the colons") {
      "sha-256=:\(Hex.encode(Base64Text.decode($0.dropFirst(9).dropLast())!)):"
    },
  ]
}

private func wrongSignatures() throws -> [Case] {
  func bytes(_ id: String, _ comment: String, _ change: @escaping ([UInt8]) -> [UInt8]) throws -> Case {
    try refusedRequest(id, "request.7", comment) { $0.resign = change }
  }
  func text(
    _ id: String, _ comment: String, of request: SignedRequest? = nil, _ change: @escaping (String) -> String
  ) throws -> Case {
    try refusedRequest(id, "relay.32", comment, of: request) { $0.send = { $0.replacing("signature", change) } }
  }
  /// A key of small order or without the one encoding, under which R = 1 and S = 0 is anyone's signature.
  func anyones(_ id: String, _ comment: String, _ key: [UInt8]) throws -> Case {
    try SignedRequest(
      .mailbox(MailboxID(owner: try VerifyingKey(key))), body: [], fields: [HeaderField("sotto-sequence", "1")]
    ).with { request in
      request.keyid = Hex.encode(key)
      request.resign = { _ in identity + [UInt8](repeating: 0, count: 32) }
    }.refused(id, "request.7", comment, .signatureRefused)
  }
  let identity = [1] + [UInt8](repeating: 0, count: 31)
  return [
    try bytes("altered-r", "one bit of R") { $0.flipped(0) },
    try bytes("altered-s", "one bit of S") { $0.flipped(32) },
    try bytes("s-plus-l", "S + L, a second name of the signature") { plusOrder($0) },
    try bytes("small-order-r", "R of small order") { identity + $0[32...] },
    try bytes("signature-zeros", "64 zero bytes") { _ in [UInt8](repeating: 0, count: 64) },
    try bytes("signature-63", "63 bytes") { $0.dropLast() },
    try bytes("signature-65", "65 bytes") { $0 + [0] },
    try bytes("signature-empty", "no bytes") { _ in [] },
    try anyones("small-order-key", "a key of small order", identity),
    try anyones(
      "small-order-key-8", "a key of order 8",
      hex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05")),
    try anyones(
      "key-not-canonical", "a key that is not canonical: y = p + 1",
      hex("eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f")),
    try text("signature-no-padding", "base64 without padding") { $0.replacing("==:", with: ":") },
    try text("signature-spare-bits", "spare bits that are not zero") { text in
      let last = text.dropLast(3).last!
      return text.dropLast(4) + String(Character(UnicodeScalar(last.asciiValue! + 1))) + "==:"
    },
    try text("signature-url", "the URL alphabet") { $0.replacing("+", with: "-").replacing("/", with: "_") },
    try text("signature-space", "a space before the base64") { $0.replacing("=:", with: "=: ", maxReplacements: 1) },
    try text("signature-string", "a string instead of a byte sequence") { "sotto=\"\($0.dropFirst(7).dropLast())\"" },
    try text("signature-parameter", "a parameter") { $0 + ";a" },
  ]
}

/// Signed all the same. [relay.6]
private func wrongNumbers() throws -> [Case] {
  let spellings = [
    ("leading-zero", "a leading zero", "05"), ("sign", "a sign", "+5"), ("negative", "a negative number", "-5"),
    ("fraction", "a fraction", "5.0"), ("hexadecimal", "hexadecimal", "0x5"), ("empty", "nothing", ""),
    ("list", "two numbers", "5, 6"), ("other-digits", "a digit of another script", "\u{665}"),
    ("2-63", "2^63", String(tooLarge)), ("2-64", "2^64 + 5", "18446744073709551621"),
  ]
  return try ["sotto-sequence", "sotto-list-sequence"].flatMap { name in
    try spellings.map { id, comment, text in
      try refusedRequest("\(name)-\(id)", "relay.6", "\(name): \(comment)", of: try .card()) {
        $0.fields = $0.fields.replacing(name) { _ in text }
      }
    }
  }
}

/// Signed all the same. [relay.21]
private func wrongConditions() throws -> [Case] {
  func condition(_ id: String, _ rule: String, _ comment: String, _ name: String, _ value: String) throws -> Case {
    try refusedRequest(id, rule, comment, of: try .card()) { $0.fields[2] = HeaderField(name, value) }
  }
  return [
    try condition("if-match-unquoted", "relay.21", "no quotes", "if-match", "1"),
    try condition("if-match-weak", "relay.21", "a weak tag", "if-match", "W/\"1\""),
    try condition("if-match-star", "relay.21", "any card", "if-match", "*"),
    try condition("if-match-two", "relay.21", "two tags", "if-match", "\"1\", \"2\""),
    try condition("if-match-empty", "relay.21", "an empty tag", "if-match", "\"\""),
    try condition("if-match-one-quote", "relay.21", "one quote", "if-match", "\""),
    try condition("if-match-leading-zero", "relay.6", "a leading zero", "if-match", "\"01\""),
    try condition("if-match-2-63", "relay.6", "2^63", "if-match", "\"\(tooLarge)\""),
    try condition("if-none-match-tag", "relay.21", "a tag", "if-none-match", "\"1\""),
    try condition("if-none-match-quoted", "relay.21", "a star in quotes", "if-none-match", "\"*\""),
    try refusedRequest("two-conditions", "relay.21", "both conditions", of: try .card()) {
      $0.fields.append(HeaderField("if-none-match", "*"))
    },
  ]
}

/// Genuine, but not the owner's or without a sequence.
private func wrongRights() throws -> [Case] {
  func noSequence(_ id: String, _ comment: String, of request: SignedRequest) throws -> Case {
    try refusedRequest(id, "request.4", comment, .requestMalformed, of: request) {
      $0.fields = $0.fields.without("sotto-sequence")
    }
  }
  func delete(_ request: SignedRequest, _ route: Route) -> SignedRequest {
    request.with {
      $0.method = "DELETE"
      $0.path = route.path
      $0.body = []
    }
  }
  let (example, mailbox) = (try SignedRequest.example(), try RelayExample.mailbox())
  return [
    try refusedRequest("stranger", "relay.12", "a stranger's request, genuine") { $0.seed = seq(1, 32) },
    try refusedRequest("stranger-read", "relay.12", "a stranger's read, genuine", of: try .read()) {
      $0.seed = seq(1, 32)
    },
    try noSequence("put-without-sequence", "a PUT without sotto-sequence", of: example),
    try noSequence("delete-without-sequence", "a DELETE without it", of: delete(example, .mailbox(mailbox))),
    try noSequence("card-without-sequence", "a PUT of a card without it", of: try .card()),
  ]
}
