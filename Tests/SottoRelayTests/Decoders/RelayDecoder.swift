import SottoRelay
package import SottoSimulation
import SottoWire

extension Decoder {
  /// What a relay reads beside what the core decodes: of who signs in and of the provider [token.12], and at the socket of its
  /// gateway, without the lengths before it [push.10].
  package static let relay = Decoder(
    "relay", limit: 2_200,
    oneOf: [
      { try json($0) },
      { try token(String(decoding: $0, as: UTF8.self)) },
      { try signIn($0) },
      { try discovery($0) },
      { try issuer($0) },
      { bytes in
        let request = try promiseOneSpelling(bytes, { try PushRequest(decoding: $0) }, \.encoded)
        try promise(request == nil || bytes.count <= RelayLimits.pushFrame, "a request that no frame has room for")
        return request != nil
      },
      { bytes in
        let answer = try promiseOneSpelling(bytes, { try PushAnswer(decoding: $0) }, \.encoded)
        let isRequest = (try? PushRequest(decoding: bytes)) != nil
        try promise(answer == nil || !isRequest, "an answer that is a request too")
        return answer != nil
      },
    ], seeds: { signInSeeds + pushSeeds })

  private static var pushSeeds: [[UInt8]] {
    let longest = [UInt8](repeating: 7, count: WireLimits.pushSubscription)
    let requests = [[9], longest].map { sealed in
      PushRequest(number: 258, job: PushJob(handle: PushHandle(number: 3), sealed: sealed)).encoded
    }
    let answers = PushVerdict.allCases.map { PushAnswer(number: .max, $0).encoded }
    return requests.map { [5] + $0 } + answers.map { [6] + $0 }
  }

  private static var signInSeeds: [[UInt8]] {
    let start = #"{"iss":"https://id.example","aud":["sotto","b"],"azp":"sotto","exp":1.7e9,"iat":1699999990,"nbf":0"#
    let claims = start + #","sub":"\u0061|1"}"#
    let headers = SigningAlgorithm.allCases.map { algorithm in
      #"{"alg":"\#(algorithm.rawValue)","kid":"a \u00e9\ud83d\ude00","typ":"JWT"}"#
    }
    let parts = [headers[0], claims, "signature"].map { Base64URL.encode(Array($0.utf8)) }
    var texts: [(part: UInt8, text: String)] = [
      (0, claims), (0, #"[-0,1e-7,[[]],{"":{}},true,false,null,"\"\\\/\b\f\n\r\t"]"#),
      (1, parts.joined(separator: ".")),
      (3, #"{"issuer":"https://id.example","jwks_uri":"https://keys.example:8443/a/b?c=d"}"#),
    ]
    for header in headers { texts.append((2, header + "\n" + start + #","sub":"a","nonce":"n"}"#)) }
    for issuer in [
      "https://id.example/realms/one/", "http://127.0.0.1:9000", "http://[::1]", "https://[2001:db8::1]:8443/a",
    ] {
      texts.append((4, issuer + "\nsotto"))
    }
    return texts.map { [$0.part] + Array($0.text.utf8) }
  }

  private static let now: Int64 = 1_700_000_000
  private static let provider = OIDCProvider(issuer: "https://id.example", clientID: "sotto")!

  /// A key that says of everything, or of nothing, that it was signed with it: what is signed can be anything too.
  private struct CreditKey: SignatureKey {
    let algorithm: SigningAlgorithm
    let believes: Bool

    func hasSigned(_ bytes: [UInt8], _ signature: [UInt8]) -> Bool { believes }
  }

  private static func json(_ bytes: [UInt8]) throws -> Bool {
    guard let value = StrictJSON(bytes) else { return false }
    let again = StrictJSON(Array(value.written.utf8))
    try promise(again == value, "JSON that says something else when it is written again")
    return true
  }

  /// Whatever is taken apart is put together again, byte for byte, and believed for the key that it names alone.
  private static func token(_ text: String) throws -> Bool {
    guard let token = try? SignedToken(text) else { return false }
    let parts = text.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
    try promise(parts.count == 3 && text.utf8.count <= RelayLimits.idToken, "a token of another form")
    try promise(token.keyName?.count ?? 0 <= RelayLimits.claim, "a key's name without bound")
    let payload = Base64URL.decode(parts[1])
    for algorithm in SigningAlgorithm.allCases {
      let believed = try? token.payload(signedWith: CreditKey(algorithm: algorithm, believes: true))
      let expected = algorithm == token.algorithm ? payload : nil
      try promise(believed == expected, "a token decides how it is verified")
      let doubted = try? token.payload(signedWith: CreditKey(algorithm: algorithm, believes: false))
      try promise(doubted == nil, "a token without a signature")
    }
    return true
  }

  /// The header, and after the first line's end the claims: the promise encodes both. Who is signed in by them has them say
  /// so, whoever reads them.
  private static func signIn(_ bytes: [UInt8]) throws -> Bool {
    let parts = bytes.split(separator: 10, maxSplits: 1, omittingEmptySubsequences: false).map { Array($0) }
    guard parts.count == 2, try token((parts + [[1]]).map { Base64URL.encode($0) }.joined(separator: ".")),
      let claims = try? IDTokenClaims(parts[1]), let person = try? claims.signedIn(at: provider, now: now)
    else { return false }
    let subject = Array(person.subject.utf8)
    try promise(1...255 ~= subject.count && subject.allSatisfy { 0x20...0x7E ~= $0 }, "a subject beyond its bounds")
    try promise(person.nonce?.utf8.count ?? 0 <= RelayLimits.claim, "a nonce without bound")
    let read = StrictJSON(parts[1])
    try promise(read?["iss"]?.says(provider.issuer) == true, "another issuer")
    let audiences = read?["aud"]?.elements ?? [read?["aud"]].compactMap(\.self)
    try promise(audiences.contains { $0.says(provider.clientID) }, "for somebody else")
    let (end, start) = (read?["exp"]?.number ?? 0, read?["iat"]?.number ?? 0)
    let time = Double(now)
    try promise(end > time - RelayLimits.tokenTolerance, "a token that is over")
    try promise(abs(start - time) <= RelayLimits.tokenAge, "a token of another time")
    return true
  }

  /// Where the keys are: over TLS, because this provider is reached so, and where whoever connects reads it to be.
  private static func discovery(_ bytes: [UInt8]) throws -> Bool {
    guard let url = provider.keysURL(in: bytes) else { return false }
    try promise(url.utf8.count <= RelayLimits.providerURL && url.hasPrefix("https://"), "keys beyond their bounds")
    try promise(url.utf8.allSatisfy { 0x21...0x7E ~= $0 }, "a URL that nobody can ask for")
    try promiseOneHost(url)
    return true
  }

  /// An issuer, and after the first line's end a client ID.
  private static func issuer(_ bytes: [UInt8]) throws -> Bool {
    let parts = bytes.split(separator: 10, maxSplits: 1, omittingEmptySubsequences: false)
      .map { String(decoding: $0, as: UTF8.self) }
    guard parts.count == 2, let provider = OIDCProvider(issuer: parts[0], clientID: parts[1]) else { return false }
    try promise(provider.issuer.utf8.elementsEqual(parts[0].utf8), "an issuer has a second spelling")
    try promise(provider.discoveryURL.hasSuffix("/.well-known/openid-configuration"), "what is asked for elsewhere")
    try promiseOneHost(provider.issuer)
    try promiseOneHost(provider.discoveryURL)
    return true
  }
}
