import Foundation
import SottoCrypto
import SottoRelay
import SottoWire
import Synchronization
import Testing

/// What an operator learns of sign-ins: how many there were, what was wrong with them, and nothing about whom.
/// [operation.17]
@Suite struct SignInCountTests {
  private static let key = TokenKey.es256()

  private static func answer(_ body: String) -> CannedServer.Answer {
    .whole("HTTP/1.1 200 OK\r\ncontent-length: \(body.utf8.count)\r\n\r\n\(body)")
  }

  /// What was blinded for the key of the relay's directory.
  private static func request(at relay: TestRelay) async throws -> [UInt8] {
    let directory = try await relay.send("GET", Route.tokenKeys.path)
    let document = try #require(try JSONSerialization.jsonObject(with: Data(directory.body)) as? [String: Any])
    let keys = try #require(document["token-keys"] as? [[String: Any]])
    let text = try #require(keys.first?["token-key"] as? String)
    let bytes = try #require(Base64URL.decode(text))
    var entropy = SystemEntropy()
    return try PendingToken(at: relay.authority, under: BlindVerifyingKey(bytes), from: &entropy).request.encoded
  }

  @Test func `What became of sign-ins is counted, and said once a minute`() async throws {
    // nil while the provider is away.
    let issuer = Mutex<String?>(nil)
    let server = try await CannedServer { path in
      guard let name = issuer.withLock({ $0 }) else {
        return .whole("HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n")
      }
      return path == "/keys"
        ? Self.answer(json(["keys": [Self.key.published("1")]]))
        : Self.answer(json(["issuer": name, "jwks_uri": name + "/keys"]))
    }
    let relay = try await TestRelay.start {
      $0.registration = .oidc
      ($0.oidcIssuer, $0.oidcClientID) = (server.origin, IDTokenWorld.client)
      $0.metrics = ListenAddress(host: "127.0.0.1", port: 0)
    }
    let body = try await Self.request(at: relay)
    let nonce = TokenChallenge(of: relay.authority).nonce(for: body)
    let genuine = TokenForge(Self.key, named: "1").with {
      ($0.claims["iss"], $0.claims["nonce"]) = ("\"\(server.origin)\"", "\"\(nonce)\"")
    }
    func show(_ forge: TokenForge) async throws -> Int {
      let token = try await forge.token()
      let credential = HeaderField("authorization", "Bearer " + token)
      return try await relay.send("POST", Route.tokens.path, [credential], body: body).status
    }
    func counted(_ result: SignInResult) async throws -> Int {
      try await relay.metric(#"sotto_relay_sign_ins_total{result="\#(result.rawValue)"}"#)
    }
    func lines(_ result: SignInResult) -> [String] {
      let what = #""what":"\#(result.rawValue)""#
      return relay.lines.all.filter { $0.contains(#""event":"sign-in refused""#) && $0.contains(what) }
    }

    func answered(_ status: String) async throws -> Int {
      try await relay.metric(#"sotto_relay_requests_total{route="/v1/tokens",status="\#(status)"}"#)
    }

    for _ in 0..<2 { #expect(try await show(genuine) == 503) }
    // Not the relay's fault, so not among its failures. [operation.5]
    #expect(try await answered("provider") == 2)
    #expect(try await answered("5xx") == 0)
    issuer.withLock { $0 = server.origin }
    relay.clock.advance(RelayLimits.keyPause)
    #expect(try await show(genuine) == 200)

    let wrong: [(result: SignInResult, forge: TokenForge)] = [
      (.audience, genuine.with { $0.claims["aud"] = "\"somebody-else\"" }),
      (.issuer, genuine.with { $0.claims["iss"] = "\"https://somebody-else.example\"" }),
      (.expired, genuine.with { $0.claims["exp"] = "\(TokenForge.now - 100)" }),
      (.issueTime, genuine.with { $0.claims["iat"] = "\(TokenForge.now + 1_000)" }),
      (.nonce, genuine.with { $0.claims["nonce"] = "\"somebody-else\"" }),
      (.signature, genuine.with { $0.key = TokenKey.es256() }),
      (.unknownKey, genuine.with { $0.name = "2" }),
      (.algorithm, genuine.with { $0.header["alg"] = "\"none\"" }),
      (.malformed, genuine.with { $0.claimsText = "[]" }),
    ]
    for (_, forge) in wrong {
      for _ in 0..<3 { #expect(try await show(forge) == 401) }
    }
    for (result, _) in wrong {
      #expect(try await counted(result) == 3, "\(result)")
      #expect(lines(result).count == 1, "\(result): \(relay.lines.all)")
    }
    #expect(try await counted(.accepted) == 1)
    #expect(try await counted(.providerUnavailable) == 2)
    #expect(lines(.providerUnavailable).count == 1 && lines(.accepted).isEmpty)
    let results = Set(wrong.map { $0.result } + [.accepted, .providerUnavailable])
    #expect(results == Set(SignInResult.allCases))

    // Of what was made for other requests, at another relay, or for these at any relay, nothing is taken. [token.12]
    let elsewhere = try #require(RelayAuthority("elsewhere.example"))
    let others = [
      TokenChallenge(of: relay.authority).nonce(for: body + body), TokenChallenge(of: elsewhere).nonce(for: body),
      Base64URL.encode(sha256(body)),
    ]
    for other in others {
      let forge = genuine.with { $0.claims["nonce"] = "\"\(other)\"" }
      #expect(try await show(forge) == 401)
    }
    #expect(try await counted(.nonce) == 3 + others.count)

    relay.clock.advance(RelayLimits.auditSeconds)
    #expect(try await show(wrong[0].forge) == 401)
    #expect(lines(.audience).last?.contains(#""count":3"#) == true, "with those that were not said")
    for canary in [server.origin, IDTokenWorld.client, "user-1", "somebody-else", nonce] {
      #expect(!relay.lines.all.contains { $0.contains(canary) }, "\(canary)")
    }
    try await relay.stop()
    try await server.stop()
  }
}
