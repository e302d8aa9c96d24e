import Crypto
import Foundation
import SottoRelay
import Synchronization
import Testing

/// Which of a provider's keys are believed, for what and for how long, and how often it is asked for them.
@Suite struct IDTokenKeyTests {
  private static let elliptic = TokenKey.es256()

  private func token(_ name: String?, at time: Int64 = TokenForge.now) async throws -> String {
    try await token(Self.elliptic, name, at: time)
  }

  private func token(_ key: TokenKey, _ name: String?, at time: Int64 = TokenForge.now) async throws -> String {
    let forge = TokenForge(key, named: name).with {
      ($0.claims["iat"], $0.claims["exp"]) = ("\(time)", "\(time + 300)")
    }
    return try await forge.token()
  }

  static let all: [TokenKey] = [.rs256, .ps256, elliptic, .es384(), .edDSA()]

  @Test(arguments: all.indices) func `Every algorithm of the list is accepted, with its own key`(index: Int)
    async throws
  {
    let key = Self.all[index]
    let world = IDTokenWorld([key.published("1", ["alg": key.algorithm])])
    #expect(await world.refusal(try await token(key, "1")) == nil)
    #expect(await world.refusal(try await token(key, nil)) == nil, "the only one needs no name")
    for other in Self.all where other.algorithm != key.algorithm {
      #expect(await world.refusal(try await token(other, "1")) == .refused(.algorithm))
    }
  }

  /// jwt-kit would take the algorithm of such a key from the first token that names it.
  @Test(arguments: ["PS256", "RS512", "ES256", "none", "HS256"])
  func `A forged token does not settle what a key is for`(algorithm: String) async throws {
    let world = IDTokenWorld([TokenKey.rs256.published("1")])
    let genuine = try await token(.rs256, "1")
    let forged = try await TokenForge(.rs256, named: "1").with { $0.header["alg"] = "\"\(algorithm)\"" }.token()
    #expect(await world.refusal(forged) == .refused(.algorithm))
    #expect(await world.refusal(genuine) == nil)
    #expect(await world.refusal(try await token(.ps256, "1")) == .refused(.algorithm))
    #expect(await world.refusal(genuine) == nil)
  }

  private func isKnown(_ keys: [[String: String]], _ name: String? = "1") async throws -> Bool {
    try #require(await ProviderKeys(document: Array(json(["keys": keys]).utf8))).key(named: name) != nil
  }

  @Test func `A key is believed for what its type is for`() async throws {
    let (rsa, elliptic) = (TokenKey.rs256, Self.elliptic)
    for more in [[:], ["use": "sig"], ["alg": "RS256"], ["alg": "PS256"], ["d": "AA"], ["x5c": "AA"]] {
      #expect(try await isKnown([rsa.published("1", more)]), "\(more)")
    }
    for more in [
      ["use": "enc"], ["use": ""], ["use": "SIG"], ["alg": "RS384"], ["alg": "RSA-OAEP"], ["alg": "HS256"],
      ["alg": "none"],
      ["alg": "ES256"], ["alg": "rs256"], ["alg": ""], ["kty": "oct"], ["kty": "rsa"], ["kty": "EC"], ["kty": ""],
      ["n": ""], ["n": PublishedKey.n + "="], ["e": ""], ["e": "AQ"], ["e": "Ag"], ["e": "AQAAAAE"],
      ["key_ops": "verify"],
    ] {
      #expect(try await !isKnown([rsa.published("1", more)]), "\(more)")
    }
    for more in [
      ["use": "enc"], ["alg": "RS256"], ["alg": "ES384"], ["crv": "P-384"], ["crv": "P-521"], ["crv": "secp256k1"],
      ["crv": ""], ["x": "AA"], ["y": elliptic.jwk["x"]!],
    ] {
      #expect(try await !isKnown([elliptic.published("1", more)]), "\(more)")
    }
    let edwards = TokenKey.edDSA()
    for more in [["crv": "X25519"], ["crv": "Ed448"], ["alg": "ES256"], ["x": "AA"]] {
      #expect(try await !isKnown([edwards.published("1", more)]), "\(more)")
    }
    let secret = ["kty": "oct", "k": base64URL([UInt8](repeating: 7, count: 32)), "kid": "1"]
    for more in [[:], ["alg": "HS256"], ["alg": "RS256"], ["alg": "ES256"]] {
      #expect(try await !isKnown([secret.merging(more) { $1 }]), "\(more)")
    }
    #expect(
      try await !isKnown([elliptic.published(String(repeating: "k", count: 256))], String(repeating: "k", count: 256)))
  }

  @Test func `Operations that do not include verifying leave a key out`() async throws {
    func isKnown(_ operations: Any) async -> Bool {
      var jwk: [String: Any] = Self.elliptic.published("1")
      jwk["key_ops"] = operations
      return await ProviderKeys(document: Array(json(["keys": [jwk]]).utf8))?.key(named: Array("1".utf8)) != nil
    }
    for operations in [["verify"], ["sign", "verify"]] { #expect(await isKnown(operations)) }
    for operations: Any in [["encrypt"], [String](), "verify", NSNull()] {
      #expect(await !isKnown(operations), "\(operations)")
    }
  }

  /// Two coordinates of odd lengths would make a point when they are only put together.
  @Test func `Coordinates have the length of their curve`() async throws {
    let key = P256.Signing.PrivateKey().publicKey.rawRepresentation
    let shifted = [
      "kty": "EC", "crv": "P-256", "kid": "1", "x": base64URL(key.prefix(31)), "y": base64URL(key.dropFirst(31)),
    ]
    #expect(try await !isKnown([shifted]))
  }

  @Test(arguments: [(1_024, false), (2_047, false), (2_048, true), (4_096, true), (4_104, false)])
  func `An RSA key has a length that is safe and no burden`(bits: Int, isKnown: Bool) async throws {
    var modulus = [UInt8](repeating: 0x5B, count: (bits + 7) / 8)
    modulus[0] = UInt8(truncatingIfNeeded: 1 << ((bits - 1) % 8))
    for zeros in [0, 1] {
      let number = base64URL([UInt8](repeating: 0, count: zeros) + modulus)
      #expect(try await self.isKnown([["kty": "RSA", "e": "AQAB", "kid": "1", "n": number]]) == isKnown)
    }
  }

  @Test func `Two keys of one name are no key`() async throws {
    let (first, second) = (Self.elliptic, TokenKey.es256())
    let world = IDTokenWorld([first.published("1"), second.published("1"), second.published("2")])
    #expect(await world.refusal(try await token(first, "1")) == .refused(.unknownKey))
    #expect(await world.refusal(try await token(second, "1")) == .refused(.unknownKey))
    #expect(await world.refusal(try await token(second, "2")) == nil)
    // One for encryption does not count.
    #expect(try await isKnown([first.published("1"), second.published("1", ["use": "enc"])]))
    // Names are the same byte for byte only.
    #expect(try await isKnown([first.published("K"), second.published("\u{212A}")], "K"))
  }

  @Test func `A key without a name is for tokens without one`() async throws {
    let world = IDTokenWorld([Self.elliptic.published(nil), TokenKey.es256().published("enc", ["use": "enc"])])
    #expect(await world.refusal(try await token(nil)) == nil)
    #expect(await world.refusal(try await token("1")) == .refused(.unknownKey))
    let two = IDTokenWorld([Self.elliptic.published(nil), TokenKey.es256().published(nil)])
    #expect(await two.refusal(try await token(nil)) == .refused(.unknownKey))
  }

  @Test func `Something else than a key set is no answer`() async throws {
    let key = json(Self.elliptic.published("1"))
    for document in ["", "[]", "{}", "{\"keys\":{}}", "{\"keys\":[\(key)],\"keys\":[]}", "{\"keys\":[\(key)]}x"] {
      #expect(await ProviderKeys(document: Array(document.utf8)) == nil, "\(document.prefix(60))")
    }
    let strange = "{\"keys\":[1,null,\"x\",[],{},\(key)],\"more\":1}"
    #expect(await ProviderKeys(document: Array(strange.utf8))?.key(named: [UInt8]?.none)?.algorithm == .es256)
    func keys(_ count: Int) -> [UInt8] { Array(json(["keys": (0..<count).map { ["kid": "\($0)"] }]).utf8) }
    #expect(await ProviderKeys(document: keys(64)) != nil)
    #expect(await ProviderKeys(document: keys(65)) == nil)
  }

  @Test func `A flood of unknown names costs one question a minute`() async throws {
    let world = IDTokenWorld([Self.elliptic.published("1")])
    var tokens: [String] = []
    for number in 0..<200 { tokens.append(try await token("unknown-\(number)")) }
    func flood() async -> Set<IDTokenFault> {
      await withTaskGroup(of: IDTokenRefusal?.self) { group in
        for token in tokens { group.addTask { await world.refusal(token) } }
        return await group.reduce(into: []) { if case .refused(let fault) = $1 { $0.insert(fault) } }
      }
    }
    #expect(await flood() == [.unknownKey])
    #expect(world.requests == 2, "the document and the keys")
    world.clock.advance(59)
    #expect(await flood() == [.unknownKey])
    #expect(world.requests == 2)
    #expect(await world.refusal(try await token("1")) == nil)
    world.clock.advance(1)
    #expect(await flood() == [.unknownKey])
    #expect(world.requests == 4)
  }

  @Test func `Many at once wait for one answer`() async throws {
    let world = IDTokenWorld([Self.elliptic.published("1")])
    let token = try await token("1")
    let accepted = await withTaskGroup(of: Bool.self) { group in
      for _ in 0..<100 { group.addTask { await world.refusal(token) == nil } }
      return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
    }
    #expect(accepted == 100 && world.requests == 2)
  }

  @Test func `A token that cannot be one costs no question`() async throws {
    let world = IDTokenWorld([Self.elliptic.published("1")])
    #expect(await world.refusal("a.b.c") == .refused(.encoding))
    #expect(await world.refusal(try await TokenForge(.none, named: "1").token()) == .refused(.algorithm))
    #expect(world.requests == 0)
  }

  @Test func `A new key is found, and a withdrawn one is forgotten after an hour`() async throws {
    let (world, new) = (IDTokenWorld([Self.elliptic.published("1")]), TokenKey.es256())
    let start = world.clock.now
    #expect(await world.refusal(try await token("1")) == nil)
    world.state.withLock { $0.keys = json(["keys": [new.published("2")]]) }
    world.clock.advance(59)
    #expect(await world.refusal(try await token(new, "2")) == .refused(.unknownKey))
    world.clock.advance(1)
    #expect(await world.refusal(try await token(new, "2")) == nil)
    #expect(await world.refusal(try await token("1")) == .refused(.unknownKey))
    // Without a token that names a new key.
    world.state.withLock { $0.keys = json(["keys": [Self.elliptic.published("3")]]) }
    world.clock.set(start + 60 + 3_599)
    #expect(await world.refusal(try await token(new, "2", at: start + 3_600)) == nil)
    world.clock.advance(1)
    #expect(await world.refusal(try await token(new, "2", at: start + 3_600)) == .refused(.unknownKey))
    #expect(await world.refusal(try await token("3", at: start + 3_600)) == nil)
  }

  @Test func `A provider that is away keeps nobody out for a day`() async throws {
    let world = IDTokenWorld([Self.elliptic.published("1")])
    let start = world.clock.now
    #expect(await world.refusal(try await token("1")) == nil)
    world.state.withLock { $0.isDown = true }
    world.clock.set(start + 86_399)
    #expect(await world.refusal(try await token("1", at: start + 86_399)) == nil)
    #expect(await world.refusal(try await token("1", at: start + 86_399)) == nil)
    #expect(world.requests == 3, "asked, in vain, once")
    world.clock.set(start + 86_400)
    #expect(await world.refusal(try await token("1", at: start + 86_400)) == .providerUnavailable)
    #expect(world.requests == 3)
    world.state.withLock { $0.isDown = false }
    #expect(await world.refusal(try await token("1", at: start + 86_400)) == .providerUnavailable)
    world.clock.set(start + 86_399 + 60)
    #expect(await world.refusal(try await token("1", at: start + 86_400)) == nil)
  }

  @Test func `A provider that was never there is asked once a minute`() async throws {
    let world = IDTokenWorld([Self.elliptic.published("1")])
    world.state.withLock { $0.isDown = true }
    for _ in 0..<20 { #expect(await world.refusal(try await token("1")) == .providerUnavailable) }
    #expect(world.requests == 1)
    world.clock.advance(60)
    world.state.withLock { $0.isDown = false }
    #expect(await world.refusal(try await token("1")) == nil)
  }

  @Test func `A clock that is set back shuts nobody out`() async throws {
    let world = IDTokenWorld([Self.elliptic.published("1")])
    #expect(await world.refusal(try await token("1")) == nil)
    world.clock.advance(-86_400)
    let earlier = world.clock.now
    world.state.withLock { $0.isDown = true }
    #expect(await world.refusal(try await token("1", at: earlier)) == nil)
    world.state.withLock { $0.isDown = false }
    world.clock.advance(60)
    #expect(await world.refusal(try await token("1", at: earlier)) == nil)
    #expect(world.requests == 5, "twice, once in vain, and once more")
  }

  @Test func `A document that is not the provider's is no answer`() async throws {
    let issuer = IDTokenWorld.issuer
    let bad: [[String: Any]] = [
      [:], ["issuer": issuer], ["jwks_uri": issuer + "/keys"], ["issuer": issuer + "/", "jwks_uri": issuer + "/keys"],
      ["issuer": "https://ID.example", "jwks_uri": issuer + "/keys"],
      ["issuer": [issuer], "jwks_uri": issuer + "/keys"],
      ["issuer": "https://attacker.example", "jwks_uri": issuer + "/keys"],
    ]
    let urls: [Any] = [
      "http://id.example/keys", "http://127.0.0.1:9000/keys", "http://localhost/keys", "file:///etc/passwd", "/keys",
      "https://localhost:8443/keys", "https://127.0.0.1/keys", "https://127.9.9.9:8443/keys", "https://[::1]:8443/keys",
      "",
      "https://user@id.example/keys", "https://id.example/keys#1", "https://id.example\\@attacker.example/", 1,
      "https://id.example/a/../keys", "https://id.example/ keys", "https:///keys", "https://0x7f000001/keys",
      "https://id.example/" + String(repeating: "k", count: 500),
    ]
    for document in bad + urls.map({ ["issuer": issuer, "jwks_uri": $0] }) {
      let world = IDTokenWorld([Self.elliptic.published("1")])
      world.state.withLock { $0.discovery = json(document) }
      #expect(await world.refusal(try await token("1")) == .providerUnavailable, "\(document)")
      #expect(world.requests == 1)
    }
    let good: [(String, String)] = [
      (issuer, "https://keys.example:8443/a/b?c=d&e"), (issuer + "/realms/one/", issuer + "/keys"),
      ("http://127.0.0.1:9000/realm", "http://localhost:9000/keys"), ("http://[::1]", "https://keys.example/"),
      ("https://localhost:8443", "https://127.0.0.1:8443/keys"),
    ]
    for (issuer, keys) in good {
      let world = IDTokenWorld([Self.elliptic.published("1")], issuer: issuer)
      world.state.withLock { $0.discovery = json(["issuer": issuer, "jwks_uri": keys]) }
      let token = try await TokenForge(Self.elliptic, named: "1").with { $0.claims["iss"] = "\"\(issuer)\"" }.token()
      #expect(await world.refusal(token) == nil, "\(issuer)")
      let root = issuer.hasSuffix("/") ? String(issuer.dropLast()) : issuer
      #expect(world.state.withLock { $0.requests } == [root + "/.well-known/openid-configuration", keys])
    }
    // One on this machine that is reached by https stays with it.
    let secure = "https://localhost:8443"
    let world = IDTokenWorld([Self.elliptic.published("1")], issuer: secure)
    world.state.withLock { $0.discovery = json(["issuer": secure, "jwks_uri": "http://localhost:9000/keys"]) }
    let token = try await TokenForge(Self.elliptic, named: "1").with { $0.claims["iss"] = "\"\(secure)\"" }.token()
    #expect(await world.refusal(token) == .providerUnavailable && world.requests == 1)
  }

  @Test func `A provider is named by a URL with one reading`() {
    for issuer in [
      "https://id.example", "https://id.example/", "https://id.example:8443/realms/a", "http://127.0.0.1:9000",
      "http://localhost", "http://[::1]:1/a", "https://localhost:8443", "https://192.0.2.1",
      "https://id.example/" + String(repeating: "a", count: 493),
    ] {
      #expect(OIDCProvider(issuer: issuer, clientID: "a")?.issuer == issuer)
    }
    for issuer in [
      "", "id.example", "https://", "https:///a", "http://id.example", "http://192.0.2.1", "http://127.0.0.1.example",
      "ftp://id.example", "HTTPS://id.example", "https://ID.example", "https://id.example?", "https://id.example/?a=b",
      "https://id.example/#", "https://a@id.example", "https://a:b@id.example", "https://id.example/ a",
      "https://id.example\\a", "https://id.example/\u{E9}", "https://id.example/..", "https://id.example/./a",
      "https://id.example:443", "https://id.example:", "https://id.example:0", "https://id.example/\n",
      "https://id.example/" + String(repeating: "a", count: 494),
    ] {
      #expect(OIDCProvider(issuer: issuer, clientID: "a") == nil, "\(issuer)")
    }
    for client in ["a", "a b~!", String(repeating: "a", count: 255)] {
      #expect(OIDCProvider(issuer: "https://id.example", clientID: client)?.clientID == client)
    }
    for client in ["", "\u{E9}", "a\n", "a\u{7F}", String(repeating: "a", count: 256)] {
      #expect(OIDCProvider(issuer: "https://id.example", clientID: client) == nil)
    }
  }
}

extension ProviderKeys {
  fileprivate func key(named name: String?) -> ProviderKey? { key(named: name.map { Array($0.utf8) }) }
}
