import SottoCrypto
import SottoWire

extension Decoder {
  /// What the relay verifies of an owner's request. The input's lines are method, path and headers; the second form has a
  /// signature over them that is genuine, the third an honest `signature-input` too.
  static let requests = Decoder(
    "requests", limit: 1024,
    oneOf: [
      { try request(Lines($0), input: { $0 }, signature: { lines, _ in lines.signature }) },
      { try request(Lines($0), input: { $0 }, signature: genuine) },
      { bytes in
        var lines = Lines(bytes)
        lines.input = SignedRequest.parameters(lines)
        return try request(lines, input: { $0 }, signature: genuine)
      },
    ])

  /// The parts of the input.
  fileprivate struct Lines {
    var method: String
    var path: String
    var input: String
    var signature: String
    /// As many as there are names.
    var values: [String: [String]] = [:]

    init(_ bytes: [UInt8]) {
      var lines = bytes.split(separator: 10, maxSplits: 8, omittingEmptySubsequences: false)
        .map { String(decoding: $0, as: UTF8.self) }[...]
      method = lines.popFirst() ?? ""
      path = lines.popFirst() ?? ""
      input = lines.popFirst() ?? ""
      signature = lines.popFirst() ?? ""
      for name in SignedRequest.names {
        guard let line = lines.popFirst(), !line.isEmpty else { continue }
        values[name] = [line]
      }
    }

    /// The covered components, as the relay collects them.
    var components: [HeaderField] {
      let target = HeaderField("@target-uri", SignedRequest.authority.origin + path)
      let digest = HeaderField(HeaderName.contentDigest, SignedRequest.digest)
      let others = SignedRequest.names.flatMap { name in (values[name] ?? []).map { HeaderField(name, $0) } }
      return [HeaderField("@method", method), target, digest] + others
    }
  }

  fileprivate static func genuine(_ lines: Lines, _ input: String) -> String {
    let base = SignatureBase.bytes(lines.components, parameters: String(input.dropFirst(6)))
    return "sotto=:" + Base64.encode(SignedRequest.key.signing.sign(base)) + ":"
  }

  private static func request(
    _ lines: Lines, input: (String) -> String, signature: (Lines, String) -> String
  ) throws -> Bool {
    let input = input(lines.input)
    var headers = lines.values
    headers[HeaderName.signatureInput] = [input]
    headers[HeaderName.signature] = [signature(lines, input)]
    headers[HeaderName.contentDigest] = [SignedRequest.digest]
    let verified = try? VerifiedOwnerRequest(
      method: lines.method, authority: SignedRequest.authority, path: lines.path, body: SignedRequest.body,
      now: SignedRequest.now
    ) { headers[$0] ?? [] }
    guard let verified else { return false }
    try promise(verified.key == SignedRequest.key.signing.publicKey, "somebody else signed")
    guard let method = HTTPMethod(rawValue: lines.method), let route = Route(path: lines.path) else { return false }
    // What was verified is what this key's owner would have sent, header by header.
    let created = input.split(separator: ";").dropFirst().first.flatMap { Int64($0.dropFirst("created=".count)) }
    let honest = OwnerRequest(
      method, route, at: SignedRequest.authority, body: SignedRequest.body, sequence: verified.sequence,
      listSequence: verified.listSequence, condition: verified.condition)
    for field in honest.headers(signedBy: SignedRequest.key.signing, created: created ?? 0) {
      let given = headers.removeValue(forKey: field.name) ?? []
      try promise(given.map { Array($0.utf8) } == [Array(field.value.utf8)], "\(field.name) has a second spelling")
    }
    try promise(headers.isEmpty, "a header was not covered")
    return true
  }
}

/// The fixed half of every request.
private enum SignedRequest {
  static let authority = RelayAuthority("relay.example")!
  static let body: [UInt8] = [1, 2, 3]
  static let digest = ContentDigest.of(body)
  static let now: Int64 = 1_700_000_000
  static let names = [HeaderName.sequence, HeaderName.listSequence, HeaderName.ifMatch, HeaderName.ifNoneMatch]

  static func parameters(_ lines: Decoder.Lines) -> String {
    let names = lines.components.map { "\"\($0.name)\"" }.joined(separator: " ")
    // Its own line says how far the clock is off.
    let skew = DecimalNumber.decode(lines.input).map { Int64($0 % 700) - 350 } ?? 0
    return "sotto=(\(names));created=\(now + skew);keyid=\"\(Hex.encode(key.signing.publicKey.bytes))\";alg=\"ed25519\""
  }

  final class Key: Sendable {
    let signing = try! SigningKey(seed: Secret(copying: [UInt8](repeating: 1, count: 32)))
  }

  static let key = Key()
}

/// Requests as the second and the first form have them, from the third.
enum RequestSeed {
  static func withInput(_ lines: [String]) -> [String] {
    let request = Decoder.Lines(Array(lines.joined(separator: "\n").utf8))
    return [lines[0], lines[1], SignedRequest.parameters(request), ""] + lines.dropFirst(4)
  }

  static func signed(_ lines: [String]) -> [String] {
    let (request, input) = (Decoder.Lines(Array(lines.joined(separator: "\n").utf8)), withInput(lines))
    return [lines[0], lines[1], input[2], Decoder.genuine(request, input[2])] + lines.dropFirst(4)
  }
}
