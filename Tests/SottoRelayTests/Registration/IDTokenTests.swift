import Foundation
import JWTKit
import SottoRelay
import Testing

/// Tokens that somebody forged, and for each the reason why it is refused: a table of attacks in the form of A40.
@Suite struct IDTokenTests {
  private static let elliptic = TokenKey.es256()
  private static let inDER = TokenKey.es256InDER()
  private static let other = TokenKey.es256()
  private static let attacker = TokenKey.es256()
  private static let genuine = TokenForge(elliptic, named: "ec")
  private static let rsa = TokenForge(.rs256, named: "rsa")

  private static func world() -> IDTokenWorld {
    IDTokenWorld([
      TokenKey.rs256.published("rsa", ["alg": "RS256", "use": "sig"]), elliptic.published("ec", ["alg": "ES256"]),
      other.published("K1"), inDER.published("der"),
    ])
  }

  struct Case: Sendable, CustomTestStringConvertible {
    let name: String
    let fault: IDTokenFault
    let token: @Sendable () async throws -> String
    var testDescription: String { name }

    init(_ name: String, _ fault: IDTokenFault, _ token: @escaping @Sendable () async throws -> String) {
      (self.name, self.fault, self.token) = (name, fault, token)
    }

    /// A token that is genuine but for this.
    init(_ name: String, _ fault: IDTokenFault, _ change: @escaping @Sendable (inout TokenForge) -> Void) {
      self.init(name, fault) { try await genuine.with(change).token() }
    }

    static func header(_ member: String, _ value: String?, _ fault: IDTokenFault = .header) -> Case {
      Case("header \(member) = \(value?.prefix(60) ?? "nothing")", fault) { $0.header[member] = .some(value) }
    }

    static func headerText(_ text: String, _ fault: IDTokenFault = .header) -> Case {
      Case("header \(text.prefix(60))", fault) { $0.headerText = text }
    }

    static func claim(_ member: String, _ value: String?, _ fault: IDTokenFault, _ more: [String: String] = [:]) -> Case
    {
      Case("claim \(member) = \(value?.prefix(60) ?? "nothing") \(more)", fault) { forge in
        forge.claims[member] = .some(value)
        for (member, value) in more { forge.claims[member] = value }
      }
    }

    static func claims(_ text: String, _ fault: IDTokenFault = .payload) -> Case {
      Case("claims \(text.prefix(60))", fault) { $0.claimsText = text }
    }

    /// What becomes of a genuine token's three parts; it is signed again when it still has three.
    static func parts(
      _ name: String, _ fault: IDTokenFault = .encoding, signed: Bool = false,
      _ change: @escaping @Sendable (inout [String]) -> Void
    ) -> Case {
      Case(name, fault) {
        var parts = try await genuine.token().split(separator: ".").map(String.init)
        change(&parts)
        guard signed else { return parts.joined(separator: ".") }
        return try await TokenForge.sign(parts[0], parts[1], elliptic)
      }
    }
  }

  static let algorithms: [Case] =
    ["none", "None", "nOnE", "NONE", "", "es256", "ES512", "RS512", "HS256", "dir"].flatMap { algorithm in
      [
        Case("alg \(algorithm), no signature", .algorithm) {
          try await genuine.with { ($0.key, $0.header["alg"]) = (.none, "\"\(algorithm)\"") }.token()
        },
        Case("alg \(algorithm), a genuine signature", .algorithm) { $0.header["alg"] = "\"\(algorithm)\"" },
      ]
    } + [
      .header("alg", nil, .algorithm), .header("alg", "null", .algorithm), .header("alg", "[\"ES256\"]", .algorithm),
      .header("alg", "1", .algorithm),
      Case("HS256 with the RSA key's PEM", .algorithm) {
        try await rsa.with { $0.key = .hs256(Data(try! PublishedKey.key().publicKey.pemRepresentation.utf8)) }.token()
      },
      Case("HS256 with the RSA key's DER", .algorithm) {
        try await rsa.with { $0.key = .hs256(try! PublishedKey.key().publicKey.derRepresentation) }.token()
      },
      Case("HS256 with the RSA key's modulus", .algorithm) {
        try await rsa.with { $0.key = .hs256(try! PublishedKey.key().publicKey.getKeyPrimitives().modulus) }.token()
      },
      Case("PS256 with a key for RS256", .algorithm) { try await rsa.with { $0.key = .ps256 }.token() },
      Case("ES256 in the name of an RSA key", .algorithm) { try await rsa.with { $0.key = elliptic }.token() },
      Case("RS256 in the name of an EC key", .algorithm) { try await genuine.with { $0.key = .rs256 }.token() },
    ]

  static let keyNames: [Case] =
    [
      "other", "EC", "ec ", "", "ec\u{0}", "../../../../dev/null", "ec/../ec", "ec' OR '1'='1",
      "ec'; DROP TABLE keys; --",
      "https://attacker.example/keys", "\u{212A}1", "key", "*",
    ].flatMap { (name: String) in
      [elliptic, other, attacker].map { key in
        Case("kid \(name)", .unknownKey) { ($0.key, $0.name) = (key, name) }
      }
    } + [
      Case("no kid, and several keys", .unknownKey) { $0.name = nil },
      .header("kid", "1"), .header("kid", "null"), .header("kid", "[\"ec\"]"),
      .header("kid", "\"\(String(repeating: "k", count: 256))\""),
    ]

  static let headers: [Case] = [
    .header("jku", "\"https://attacker.example/keys\""), .header("jwk", json(attacker.jwk)),
    .header("x5u", "\"https://attacker.example/chain.pem\""), .header("x5c", "[\"MIIB\"]"),
    .header("crit", "[\"exp\"]"), .header("crit", "[]"), .header("b64", "true"), .header("b64", "false"),
    .header("typ", "\"at+jwt\""), .header("typ", "\"logout+jwt\""), .header("typ", "\"jwt\""), .header("typ", "null"),
    Case("the attacker's key in the header, and its signature", .header) {
      ($0.key, $0.header["jwk"]) = (attacker, json(attacker.jwk))
    },
    .headerText("{\"alg\":\"ES256\",\"alg\":\"ES256\",\"kid\":\"ec\"}"),
    .headerText("{\"alg\":\"none\",\"kid\":\"ec\",\"alg\":\"ES256\"}"),
    .headerText("{\"alg\":\"ES256\",\"kid\":\"ec\",\"\\u0061lg\":\"none\"}"),
    .headerText("{\"alg\":\"ES256\",\"kid\":\"other\",\"\\u006b\\u0069\\u0064\":\"ec\"}"),
    .headerText("{\"alg\":\"ES256\",\"kid\":\"ec\",\"x\":{\"a\":1,\"a\":1}}"),
    .headerText("{\"alg\":\"ES256\",\"kid\":\"ec\"}x"), .headerText("{\"alg\":\"ES256\",\"kid\":\"ec\"}{}"),
    .headerText("{\"alg\":\"ES256\",\"kid\":\"ec\"}\u{0}"), .headerText("\u{FEFF}{\"alg\":\"ES256\",\"kid\":\"ec\"}"),
    .headerText("[\"ES256\"]"), .headerText("\"ES256\""), .headerText("null"), .headerText("{"), .headerText(" "),
    .headerText("{\"alg\":\"ES256\",\"kid\":\"ec\",\"x\":\(nested(100))}"),
    .headerText("{\"alg\":\"ES256\",\"kid\":\"ec\",\"\\u006a\\u0077k\":\(json(attacker.jwk))}"),
  ]

  static let encodings: [Case] = [
    .parts("a padded header", signed: true) { $0[0] += "=" },
    .parts("a padded payload", signed: true) { $0[1] += "==" },
    .parts("a padded signature") { $0[2] += "==" },
    .parts("a space before the header", signed: true) { $0[0] = " " + $0[0] },
    .parts("a space behind the header", signed: true) { $0[0] += " " },
    .parts("a line's end behind the payload", signed: true) { $0[1] += "\n" },
    .parts("a space inside the payload", signed: true) {
      $0[1].insert(" ", at: $0[1].index($0[1].startIndex, offsetBy: 4))
    },
    .parts("a space behind the signature") { $0[2] += " " }, .parts("a line's end at the end") { $0[2] += "\r\n" },
    .parts("two parts") { $0.removeLast() }, .parts("one part") { $0.removeLast(2) },
    .parts("no part") { $0 = [""] }, .parts("four parts") { $0.append("AA") },
    .parts("an empty fourth part") { $0.append("") },
    .parts("five parts, as an encrypted token has") { $0 += ["AA", "AA"] },
    .parts("an empty header", .header, signed: true) { $0[0] = "" },
    .parts("an empty payload", .payload, signed: true) { $0[1] = "" },
    .parts("an empty signature", .signature) { $0[2] = "" }, .parts("nothing but dots", .header) { $0 = ["", "", ""] },
    .parts("bits in the signature that nobody needs") { $0[2] = withUnusedBit($0[2]) },
    .parts("one character too many", signed: true) { $0[1] = String(repeating: "A", count: 5) },
    .parts("the other alphabet") { $0[2] = "+/" + $0[2].dropFirst(2) },
    .parts("a character above ASCII") { $0[2] = "é" + $0[2].dropFirst(2) },
    Case("bits in the payload that nobody needs", .encoding) {
      let payload = base64URL((genuine.claimsPart + padding(genuine.claimsPart, to: 1)).utf8)
      return try await TokenForge.sign(base64URL(genuine.headerPart.utf8), withUnusedBit(payload), elliptic)
    },
    Case("bits in the header that nobody needs", .encoding) {
      let header = base64URL((genuine.headerPart + padding(genuine.headerPart, to: 2)).utf8)
      return try await TokenForge.sign(withUnusedBit(header), base64URL(genuine.claimsPart.utf8), elliptic)
    },
    Case("JSON serialisation", .encoding) {
      let parts = try await genuine.token().split(separator: ".").map(String.init)
      return json(["protected": parts[0], "payload": parts[1], "signature": parts[2]])
    },
    Case("a byte too long", .tooLong) { try await token(of: RelayLimits.idToken + 1) },
    Case("a mebibyte", .tooLong) { String(repeating: "A", count: 1 << 20) },
  ]

  static let signatures: [Case] = [
    Case("another key's", .signature) { $0.key = attacker },
    Case("another genuine key's", .signature) { $0.key = other },
    .parts("cut short", .signature) { $0[2] = base64URL(Data(base64Encoded: base64($0[2]))!.dropLast()) },
    .parts("with bytes behind it", .signature) { $0[2] = base64URL(Data(base64Encoded: base64($0[2]))! + [0]) },
    .parts("of zeros", .signature) { $0[2] = base64URL([UInt8](repeating: 0, count: 64)) },
    Case("of another payload", .signature) {
      let (first, second) = (
        try await genuine.token().split(separator: "."),
        try await genuine.with { $0.claims["sub"] = "\"user-2\"" }.token().split(separator: ".")
      )
      return [first[0], second[1], first[2]].joined(separator: ".")
    },
    Case("of another header", .signature) {
      let (first, second) = (
        try await genuine.token().split(separator: "."),
        try await genuine.with { $0.header["typ"] = .some(nil) }.token().split(separator: ".")
      )
      return [second[0], first[1], first[2]].joined(separator: ".")
    },
    Case("in DER", .signature) { ($0.key, $0.name) = (inDER, "der") },
    Case("RSA, a bit changed", .signature) {
      let token = try await rsa.token()
      return token.dropLast() + (token.last == "A" ? "Q" : "A")
    },
  ]

  static let payloads: [Case] = [
    .claims("{\"sub\":\"a\",\"sub\":\"b\"}"), .claims("{\"sub\":\"a\",\"\\u0073ub\":\"a\"}"),
    .claims(genuine.claimsPart.dropLast() + ",\"sub\":\"user-1\"}"),
    .claims(genuine.claimsPart.dropLast() + ",\"\\u0069ss\":\"\(IDTokenWorld.issuer)\"}"),
    .claims(genuine.claimsPart.dropLast() + ",\"x\":{\"y\":[{\"z\":1,\"\\u007a\":1}]}}"),
    .claims(genuine.claimsPart + "x"), .claims(genuine.claimsPart + genuine.claimsPart), .claims("[]"), .claims("\"\""),
    .claims("[\(genuine.claimsPart)]"), .claims(" "), .claims(String(genuine.claimsPart.dropLast())),
    .claims(genuine.claimsPart.dropLast() + ",\"x\":\(nested(16))}"),
    .claims(genuine.claimsPart.dropLast() + ",\"x\":\(nested(2_000))}"),
    .claims(genuine.claimsPart.dropLast() + ",\"x\":\"\\ud800\"}"),
    Case("claims that are not UTF-8", .payload) {
      let payload =
        Array(genuine.claimsPart.utf8.dropLast()) + Array(",\"x\":\"".utf8) + [0xC0, 0x80] + Array("\"}".utf8)
      return try await TokenForge.sign(base64URL(genuine.headerPart.utf8), base64URL(payload), elliptic)
    },
  ]

  static let parties: [Case] =
    [
      "\"https://id.exampl\"", "\"https://id.example.attacker.example\"", "\"https://id.example/\"",
      "\"https://ID.example\"", "\"http://id.example\"", "\"https://id.example \"", "\"\"", "1", "null",
      "[\"https://id.example\"]", nil,
    ].map { .claim("iss", $0, .issuer) }
    + [
      "\"client-K2\"", "\"client-k1\"", "\"client-K1 \"", "\"client-K\"", "\"client-\u{212A}1\"", "\"\"", "1", "null",
      "[]",
      "[\"client-K2\"]", "[\"client-K1\",1]", "[[\"client-K1\"]]", "{\"client-K1\":1}", "[\"client-K1\",\"client-K2\"]",
      "[\"client-K1\",\"client-K1\"]", nil,
    ].map { .claim("aud", $0, .audience) }
    + [
      .claim("aud", "[\"client-K1\",\"client-K2\"]", .audience, ["azp": "\"client-K2\""]),
      .claim("aud", "[\"client-K2\",\"client-K3\"]", .audience, ["azp": "\"client-K1\""]),
      .claim("aud", "[\"client-K1\",1]", .audience, ["azp": "\"client-K1\""]),
      .claim("aud", "[\"client-K1\"]", .audience, ["azp": "\"client-K2\""]),
      .claim("azp", "\"client-K2\"", .audience), .claim("azp", "null", .audience), .claim("azp", "\"\"", .audience),
      .claim("azp", "[\"client-K1\"]", .audience),
    ]

  static let times: [Case] =
    ["\(TokenForge.now - 60)", "\"\(TokenForge.now + 300)\"", "0", "-1", "null", "true", nil].map {
      .claim("exp", $0, .expiry)
    }
    + [
      "\(TokenForge.now - 3_601)", "\(TokenForge.now - 3_601).5", "\(TokenForge.now + 61)", "\"\(TokenForge.now)\"",
      "null",
      nil,
    ].map { .claim("iat", $0, .issueTime) }
    + ["\(TokenForge.now + 61)", "\"\(TokenForge.now)\"", "null", "1e300"].map { .claim("nbf", $0, .notBefore) }
    + [.claim("exp", "1e999", .payload)]

  static let people: [Case] =
    [
      "\"\"", "\"\(String(repeating: "a", count: 256))\"", "1", "null", "[\"user-1\"]", "\"us\u{E9}r\"", "\"user\\n1\"",
      "\"user\\u0000\"", nil,
    ].map { .claim("sub", $0, .subject) }
    + ["1", "null", "[]", "\"\(String(repeating: "a", count: 256))\""].map { .claim("nonce", $0, .nonce) }

  static let hostile =
    algorithms + keyNames + headers + encodings + signatures + payloads + parties + times + people

  /// [A40]
  @Test(arguments: hostile) func `A hostile token is refused, and for the right reason`(token: Case) async throws {
    let world = Self.world()
    #expect(await world.refusal(try await token.token()) == .refused(token.fault))
    // And does nothing to genuine ones.
    for genuine in [Self.genuine, Self.rsa] {
      let signedIn = try await world.verifier.verify(try await genuine.token())
      #expect(signedIn == SignedIn(subject: "user-1", nonce: "nonce-1"))
    }
  }

  @Test func `Every fault is shown by a hostile token`() {
    #expect(Set(Self.hostile.map(\.fault)) == Set(IDTokenFault.allCases))
    #expect(Self.hostile.count > 200)
  }

  /// The other side of every edge.
  static let genuineOnes: [(String, @Sendable (inout TokenForge) -> Void)] = [
    ("as it is", { _ in }),
    ("expired, as far as clocks may differ", { $0.claims["exp"] = "\(TokenForge.now - 59)" }),
    ("expired, with a fraction", { $0.claims["exp"] = "\(TokenForge.now - 60).5" }),
    ("as old as may be", { $0.claims["iat"] = "\(TokenForge.now - 3_600)" }),
    ("from a clock ahead", { $0.claims["iat"] = "\(TokenForge.now + 60)" }),
    ("valid from soon on", { $0.claims["nbf"] = "\(TokenForge.now + 60)" }),
    ("with an exponent", { $0.claims["exp"] = "17.1e8" }),
    ("for one, in a list", { $0.claims["aud"] = "[\"client-K1\"]" }),
    (
      "for one, in a list, and for this one",
      { ($0.claims["aud"], $0.claims["azp"]) = ("[\"client-K1\"]", "\"client-K1\"") }
    ),
    ("for two", { ($0.claims["aud"], $0.claims["azp"]) = ("[\"client-K2\",\"client-K1\"]", "\"client-K1\"") }),
    ("for this one", { $0.claims["azp"] = "\"client-K1\"" }),
    ("without a type", { $0.header["typ"] = .some(nil) }),
    ("with a thumbprint and an unknown member", { ($0.header["x5t"], $0.header["x"]) = ("\"AA\"", "[1]") }),
    ("with a kid spelled otherwise", { $0.header["kid"] = "\"\\u0065c\"" }),
    ("spaced out", { $0.headerText = " {\"alg\" : \"ES256\",\n\t\"kid\":\"ec\" } " }),
    ("with other claims", { $0.claims["realm_access"] = "{\"roles\":[\"a\",{\"b\":null}],\"sub\":\"x\"}" }),
    ("nested as deep as may be", { $0.claims["x"] = nested(15) }),
  ]

  @Test(arguments: genuineOnes.indices) func `A genuine token is accepted`(index: Int) async throws {
    let (name, change) = Self.genuineOnes[index]
    let world = Self.world()
    #expect(await world.refusal(try await Self.genuine.with(change).token()) == nil, "\(name)")
  }

  @Test func `What a token says is handed on as it is`() async throws {
    let (world, long) = (Self.world(), String(repeating: "a", count: 255))
    let token = Self.genuine.with { ($0.claims["sub"], $0.claims["nonce"]) = ("\"\(long)\"", "\"\(long)\"") }
    #expect(try await world.verifier.verify(try await token.token()) == SignedIn(subject: long, nonce: long))
    let plain = Self.genuine.with { ($0.claims["sub"], $0.claims["nonce"]) = ("\"\\u0061|1 ~\"", .some(nil)) }
    #expect(try await world.verifier.verify(try await plain.token()) == SignedIn(subject: "a|1 ~", nonce: nil))
    #expect(await world.refusal(try await Self.token(of: RelayLimits.idToken)) == nil)
  }

  /// A genuine token of so many bytes.
  private static func token(of size: Int) async throws -> String {
    let rest = size - base64URL(genuine.headerPart.utf8).count - 2 - 86
    let empty = genuine.with { $0.claims["x"] = "\"\"" }.claimsPart.utf8.count
    // Some lengths cannot be in base64: a shorter header's makes up for it.
    for header in [genuine.headerPart, genuine.headerPart + " ", genuine.headerPart + "  "] {
      let rest = rest + base64URL(genuine.headerPart.utf8).count - base64URL(header.utf8).count
      guard rest % 4 != 1 else { continue }
      let filling = String(repeating: "x", count: rest * 3 / 4 - empty)
      return try await genuine.with { ($0.headerText, $0.claims["x"]) = (header, "\"\(filling)\"") }.token()
    }
    throw CancellationError()
  }

  private static func nested(_ depth: Int) -> String {
    String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
  }

  /// Spaces that make its length leave `remainder` when it is divided by three: then base64 has bits to spare.
  private static func padding(_ text: String, to remainder: Int) -> String {
    String(repeating: " ", count: (remainder + 3 - text.utf8.count % 3) % 3)
  }

  private static func withUnusedBit(_ text: String) -> String {
    let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
    return text.dropLast() + String(alphabet[alphabet.firstIndex(of: text.last!)! + 1])
  }

  private static func base64(_ text: String) -> String {
    text.replacing("-", with: "+").replacing("_", with: "/") + String(repeating: "=", count: (4 - text.count % 4) % 4)
  }
}
