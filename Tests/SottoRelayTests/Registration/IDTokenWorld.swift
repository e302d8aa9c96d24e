import Crypto
import Foundation
import JWTKit
import SottoRelay
import Synchronization

/// A key that signs tokens: the provider's, or somebody else's.
struct TokenKey: Sendable {
  let algorithm: String
  /// Its public half, without a name.
  let jwk: [String: String]
  let sign: @Sendable ([UInt8]) async throws -> [UInt8]

  static func es256() -> TokenKey {
    let key = P256.Signing.PrivateKey()
    let point = key.publicKey.rawRepresentation
    return TokenKey(
      algorithm: "ES256",
      jwk: ["kty": "EC", "crv": "P-256", "x": base64URL(point.prefix(32)), "y": base64URL(point.suffix(32))]
    ) { Array(try key.signature(for: $0).rawRepresentation) }
  }

  /// The same signatures, in the form that TLS has them in.
  static func es256InDER() -> TokenKey {
    let key = P256.Signing.PrivateKey()
    let point = key.publicKey.rawRepresentation
    return TokenKey(
      algorithm: "ES256",
      jwk: ["kty": "EC", "crv": "P-256", "x": base64URL(point.prefix(32)), "y": base64URL(point.suffix(32))]
    ) { Array(try key.signature(for: $0).derRepresentation) }
  }

  static func es384() -> TokenKey {
    let key = P384.Signing.PrivateKey()
    let point = key.publicKey.rawRepresentation
    return TokenKey(
      algorithm: "ES384",
      jwk: ["kty": "EC", "crv": "P-384", "x": base64URL(point.prefix(48)), "y": base64URL(point.suffix(48))]
    ) { Array(try key.signature(for: $0).rawRepresentation) }
  }

  static func edDSA() -> TokenKey {
    let key = Curve25519.Signing.PrivateKey()
    return TokenKey(
      algorithm: "EdDSA",
      jwk: ["kty": "OKP", "crv": "Ed25519", "x": base64URL(key.publicKey.rawRepresentation)]
    ) { Array(try key.signature(for: $0)) }
  }

  static let rs256 = rsa("RS256")
  static let ps256 = rsa("PS256")

  private static func rsa(_ algorithm: String) -> TokenKey {
    TokenKey(algorithm: algorithm, jwk: ["kty": "RSA", "n": PublishedKey.n, "e": "AQAB"]) { bytes in
      let key = try PublishedKey.key()
      let keys = JWTKeyCollection()
      if algorithm == "RS256" {
        await keys.add(rsa: key, digestAlgorithm: .sha256)
      } else {
        await keys.add(pss: key, digestAlgorithm: .sha256)
      }
      return try await keys.getKey().sign(bytes)
    }
  }

  /// HMAC, with what anybody can read for a key.
  static func hs256(_ secret: some ContiguousBytes & Sendable) -> TokenKey {
    TokenKey(algorithm: "HS256", jwk: [:]) { bytes in
      Array(HMAC<SHA256>.authenticationCode(for: bytes, using: SymmetricKey(data: secret)))
    }
  }

  static let none = TokenKey(algorithm: "none", jwk: [:]) { _ in [] }

  /// As it stands in a key set.
  func published(_ name: String?, _ more: [String: String] = [:]) -> [String: String] {
    var jwk = jwk.merging(more) { $1 }
    jwk["kid"] = name
    return jwk
  }
}

/// The RSA key that RFC 7520 section 3.4 publishes: nobody's secret, and no test has to wait for a new one.
enum PublishedKey {
  static func key() throws -> JWTKit.Insecure.RSA.PrivateKey {
    try JWTKit.Insecure.RSA.PrivateKey(modulus: n, exponent: "AQAB", privateExponent: d, prime1: p, prime2: q)
  }

  static let n =
    "n4EPtAOCc9AlkeQHPzHStgAbgs7bTZLwUBZdR8_KuKPEHLd4rHVTeT-O-XV2jRojdNhxJWTDvNd7nqQ0VEiZQHz_AJmSCpMaJMRBSFKrKb2wqV"
    + "wGU_NsYOYL-QtiWN2lbzcEe6XC0dApr5ydQLrHqkHHig3RBordaZ6Aj-oBHqFEHYpPe7Tpe-OfVfHd1E6cS6M1FZcD1NNLYD5lFHpPI9bTwJls"
    + "de3uhGqC0ZCuEHg8lhzwOHrtIQbS0FVbb9k3-tVTU4fg_3L_vniUFAKwuCLqKnS2BYwdq_mzSnbLY7h_qixoR7jig3__kRhuaxwUkRz5iaiQkq"
    + "gc5gHdrNP5zw"
  private static let d =
    "bWUC9B-EFRIo8kpGfh0ZuyGPvMNKvYWNtB_ikiH9k20eT-O1q_I78eiZkpXxXQ0UTEs2LsNRS-8uJbvQ-A1irkwMSMkK1J3XTGgdrhCku9gRld"
    + "Y7sNA_AKZGh-Q661_42rINLRCe8W-nZ34ui_qOfkLnK9QWDDqpaIsA-bMwWWSDFu2MUBYwkHTMEzLYGqOe04noqeq1hExBTHBOBdkMXiuFhUq1"
    + "BU6l-DqEiWxqg82sXt2h-LMnT3046AOYJoRioz75tSUQfGCshWTBnP5uDjd18kKhyv07lhfSJdrPdM5Plyl21hsFf4L_mHCuoFau7gdsPfHPxx"
    + "jVOcOpBrQzwQ"
  private static let p =
    "3Slxg_DwTXJcb6095RoXygQCAZ5RnAvZlno1yhHtnUex_fp7AZ_9nRaO7HX_-SFfGQeutao2TDjDAWU4Vupk8rw9JR0AzZ0N2fvuIAmr_WCsmG"
    + "peNqQnev1T7IyEsnh8UMt-n5CafhkikzhEsrmndH6LxOrvRJlsPp6Zv8bUq0k"
  private static let q =
    "uKE2dh-cTf6ERF4k4e_jy78GfPYUIaUyoSSJuBzp3Cubk3OCqs6grT8bR_cu0Dm1MZwWmtdqDyI95HrUeq3MP15vMMON8lHTeZu2lmKvwqW7an"
    + "V5UzhM1iZ7z4yMkuUwFWoBvyY898EXvRD-hdqRxHlSqAZ192zB3pVFJ0s7pFc"
}

func base64URL(_ bytes: some Sequence<UInt8>) -> String {
  Data(bytes).base64EncodedString().replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
}

/// JSON text of what a test wrote down.
func json(_ object: Any) -> String {
  String(decoding: try! JSONSerialization.data(withJSONObject: object, options: [.sortedKeys]), as: UTF8.self)
}

/// A provider that a test holds in its hand, and a verifier that believes it.
final class IDTokenWorld: Sendable {
  static let issuer = "https://id.example"
  /// Its K has a twin in Unicode (KELVIN SIGN) that Swift holds for the same character.
  static let client = "client-K1"

  struct Provider: Sendable {
    var discovery = json(["issuer": IDTokenWorld.issuer, "jwks_uri": IDTokenWorld.issuer + "/keys"])
    var keys = "{}"
    var isDown = false
    /// The URLs that it was asked for.
    var requests: [String] = []
  }

  struct Down: Error {}

  let clock = TestClock()
  let state = Mutex(Provider())
  let verifier: IDTokenVerifier

  init(_ keys: [[String: String]], issuer: String = IDTokenWorld.issuer) {
    state.withLock { $0.keys = json(["keys": keys]) }
    let held = Held()
    verifier = IDTokenVerifier(
      OIDCProvider(issuer: issuer, clientID: Self.client)!,
      fetch: { url in
        // A real answer takes a while, in which others come.
        await Task.yield()
        guard let world = held.world.withLock({ $0.value }) else { throw Down() }
        return try world.answer(url)
      }, now: { [clock] in clock.now })
    held.world.withLock { $0.value = self }
  }

  private final class Held: Sendable {
    struct Weak { weak var value: IDTokenWorld? }
    let world = Mutex(Weak())
  }

  private func answer(_ url: String) throws -> [UInt8] {
    try state.withLock { state in
      state.requests.append(url)
      guard !state.isDown else { throw Down() }
      return Array((url.hasSuffix("/.well-known/openid-configuration") ? state.discovery : state.keys).utf8)
    }
  }

  var requests: Int { state.withLock { $0.requests.count } }

  /// nil when the token is accepted.
  func refusal(_ token: String) async -> IDTokenRefusal? {
    do throws(IDTokenRefusal) {
      _ = try await verifier.verify(token)
      return nil
    } catch { return error }
  }
}

/// A token in the making. Members are JSON text, so that they can be anything; nil leaves one out.
struct TokenForge: Sendable {
  var key: TokenKey
  var name: String?
  var header: [String: String?] = [:]
  var claims: [String: String?] = [:]
  /// Instead of `header` and `claims`.
  var headerText: String?
  var claimsText: String?

  /// `TestClock` starts here.
  static let now: Int64 = 1_700_000_000

  init(_ key: TokenKey, named name: String?) { (self.key, self.name) = (key, name) }

  func with(_ change: (inout TokenForge) -> Void) -> TokenForge {
    var forge = self
    change(&forge)
    return forge
  }

  var headerPart: String {
    var usual: [String: String?] = ["alg": "\"\(key.algorithm)\"", "typ": "\"JWT\""]
    usual["kid"] = name.map { json([$0]).dropFirst().dropLast() }.map(String.init)
    return headerText ?? Self.object(usual.merging(header) { $1 })
  }

  var claimsPart: String {
    let usual: [String: String?] = [
      "iss": "\"\(IDTokenWorld.issuer)\"", "aud": "\"\(IDTokenWorld.client)\"", "sub": "\"user-1\"",
      "iat": "\(Self.now - 10)", "exp": "\(Self.now + 300)", "nonce": "\"nonce-1\"",
    ]
    return claimsText ?? Self.object(usual.merging(claims) { $1 })
  }

  func token() async throws -> String {
    try await Self.sign(base64URL(headerPart.utf8), base64URL(claimsPart.utf8), key)
  }

  static func sign(_ header: String, _ payload: String, _ key: TokenKey) async throws -> String {
    let text = header + "." + payload
    return text + "." + base64URL(try await key.sign(Array(text.utf8)))
  }

  static func object(_ members: [String: String?]) -> String {
    "{"
      + members.sorted { $0.key < $1.key }.compactMap { name, value in value.map { "\"\(name)\":\($0)" } }
      .joined(separator: ",") + "}"
  }
}
