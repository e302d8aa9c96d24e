import Foundation
import SottoCrypto
import SottoRelay
import SottoWire
import Synchronization
import Testing

/// How one gets into a relay, whoever it lets in.
final class Entrance: Sendable {
  private let registration: RelayConfiguration.Registration
  private let key: TokenKey
  /// Where people sign in; nil where nobody does.
  private let provider: CannedServer?

  fileprivate static let person = "canary-of-the-person"

  init(_ registration: RelayConfiguration.Registration) async throws {
    self.registration = registration
    let key = TokenKey.es256()
    self.key = key
    guard registration == .oidc else {
      provider = nil
      return
    }
    let issuer = Mutex("")
    let provider = try await CannedServer { path in
      let issuer = issuer.withLock { $0 }
      let body =
        path == "/keys"
        ? json(["keys": [key.published("1")]]) : json(["issuer": issuer, "jwks_uri": issuer + "/keys"])
      return .whole("HTTP/1.1 200 OK\r\ncontent-length: \(body.utf8.count)\r\n\r\n\(body)")
    }
    let origin = provider.origin
    issuer.withLock { $0 = origin }
    self.provider = provider
  }

  func configure(_ configuration: inout RelayConfiguration) {
    configuration.registration = registration
    configuration.oidcIssuer = provider?.origin
    configuration.oidcClientID = provider.map { _ in IDTokenWorld.client }
  }

  func close() async throws { try await provider?.stop() }

  /// Tokens that somebody bought, and what it was done with.
  struct Purchase {
    let tokens: [RegistrationToken]
    /// An invitation or an ID token.
    let credential: String
    let isSignIn: Bool
    /// Blinded.
    let requests: [UInt8]
    let answers: [Answer]
  }

  /// nil where everybody is let in.
  func buy(_ count: Int, at relay: TestRelay) async throws -> Purchase? {
    guard registration != .open else { return nil }
    let directory = try await relay.send("GET", Route.tokenKeys.path)
    let document = try #require(try JSONSerialization.jsonObject(with: Data(directory.body)) as? [String: Any])
    let keys = try #require(document["token-keys"] as? [[String: Any]])
    let text = try #require(keys.first?["token-key"] as? String)
    let key = try BlindVerifyingKey(try #require(Base64URL.decode(text)))
    var entropy = SystemEntropy()
    var pending: [PendingToken] = []
    for _ in 0..<count { pending.append(try PendingToken(at: relay.authority, under: key, from: &entropy)) }
    let requests = pending.flatMap(\.request.encoded)
    let credential = try await credential(for: requests, at: relay)
    let fields = [HeaderField(HeaderName.authorization, "Bearer " + credential)]
    let answer = try await relay.send("POST", Route.tokens.path, fields, body: requests)
    try #require(answer.status == 200, "\(answer)")
    let size = BlindVerifyingKey.modulusCount
    let tokens = try pending.enumerated().map { place, token in
      try token.token(Array(answer.body[place * size..<(place + 1) * size]))
    }
    return Purchase(
      tokens: tokens, credential: credential, isSignIn: provider != nil, requests: requests,
      answers: [directory, answer])
  }

  private func credential(for requests: [UInt8], at relay: TestRelay) async throws -> String {
    guard let provider else {
      var entropy = SystemEntropy()
      let secret = try RegistrationSecret.read(relay.folder.path + "/registration.key")
      return Invitation(lastDay: 30_000, tokens: 32, under: secret.forInvitations(), from: &entropy).text
    }
    let nonce = TokenChallenge(of: relay.authority).nonce(for: requests)
    return try await TokenForge(key, named: "1").with { forge in
      forge.claims["iss"] = "\"\(provider.origin)\""
      forge.claims["sub"] = "\"\(Self.person)\""
      forge.claims["nonce"] = "\"\(nonce)\""
    }.token()
  }
}

extension Entrance.Purchase {
  /// What a store keeps of it once every token was shown: hashes, and the last day on which each could have been.
  func spent(now: Int64) -> [[UInt8]: Int64] {
    let last = RegistrationRules.lastDay(ofKey: RegistrationRules.epoch(now))
    var spent = Dictionary(uniqueKeysWithValues: tokens.map { ($0.spentID.bytes, last) })
    if isSignIn {
      let words = credential.split(separator: ".").prefix(2).joined(separator: ".")
      spent[Digest.of("sign-in", Array(words.utf8)).bytes] = MailboxRules.day(now) + 1
    }
    return spent
  }

  /// What must be found nowhere.
  var canaries: [(name: String, bytes: [UInt8])] {
    var all: [(name: String, bytes: [UInt8])] = []
    func add(_ name: String, _ bytes: some Sequence<UInt8>) { all.append((name, Array(bytes))) }
    add("person", Entrance.person.utf8)
    add("blinded request", requests[3..<35])
    // The header of an ID token is not about anybody.
    for part in credential.split(separator: ".").dropFirst(isSignIn ? 1 : 0) {
      add("credential", part.utf8)
      // What names an invitation, and what makes it genuine; or what the provider says, and its signature.
      guard let bytes = Base64URL.decode(part) else { continue }
      add("credential's begin", bytes.prefix(16))
      add("credential's end", bytes.suffix(16))
    }
    for token in tokens {
      add("token", token.authorization.utf8)
      add("token's random part", token.encoded[2..<34])
      add("token's signature", token.encoded.suffix(32))
    }
    return all
  }
}
