internal import Foundation
internal import SottoCrypto
internal import SottoWire

/// What a relay says of how to register (RFC 9578 section 4). [token.2]
private struct TokenDirectory: Decodable, Equatable {
  struct Key: Decodable, Equatable {
    let type: Int
    let key: String

    enum CodingKeys: String, CodingKey {
      case type = "token-type"
      case key = "token-key"
    }
  }

  struct Registration: Decodable, Equatable {
    let issuer: String?
    let clientID: String?
    /// How many somebody who signs in has in an epoch.
    let tokens: Int?

    enum CodingKeys: String, CodingKey {
      case issuer, tokens
      case clientID = "client-id"
    }
  }

  let keys: [Key]
  let registration: Registration

  enum CodingKeys: String, CodingKey {
    case keys = "token-keys"
    case registration = "sotto-registration"
  }

  /// Where people sign in; nil where they are invited.
  var provider: SignInProvider? {
    guard let issuer = registration.issuer, let clientID = registration.clientID else { return nil }
    return SignInProvider(issuer: issuer, clientID: clientID)
  }

  /// What tokens are to be signed with.
  var key: BlindVerifyingKey? {
    keys.first { $0.type == Int(TokenChallenge.tokenType) }
      .flatMap { Base64URL.decode($0.key) }.flatMap { try? BlindVerifyingKey($0) }
  }
}

/// How somebody signs in at a provider, if a relay wants that. [token.12]
public struct SignInDialogue: Sendable {
  /// nil: what the provider has.
  public var method: SignInMethod?
  /// Where on 127.0.0.1 the browser comes back; 0 picks a free port.
  public var callbackPort: Int
  /// Whether a provider may be on this machine though the relay, by its name, is elsewhere: for trying a fleet out.
  public var allowsLocalProvider = false
  /// Called when somebody has to act.
  public var show: @Sendable (SignInStep) -> Void

  public init(
    by method: SignInMethod? = nil, callbackPort: Int = 0, show: @escaping @Sendable (SignInStep) -> Void
  ) {
    (self.method, self.callbackPort, self.show) = (method, callbackPort, show)
  }
}

extension Client {
  /// Gets tokens for what was invited here, or signed in, and keeps them: with connections of their own, so that the relay
  /// cannot see by those for what they are spent. [token.11]
  func fetchTokens(at relay: RelayAuthority) async throws {
    let directory = try await directory(at: relay, as: .registrar)
    // Who shows one key to one person, and another to another, could tell them apart when they come back. [token.2]
    guard try await self.directory(at: relay, as: .witness) == directory else {
      throw RelayFailure.nonsense(relay, what: "it names other keys each time").asClientError
    }
    guard let key = directory.key else {
      throw RelayFailure.nonsense(relay, what: "it names no key that tokens are signed with").asClientError
    }
    let invitation = try options.invitation ?? step { try $0.purse(at: relay).invitation }
    let provider = directory.provider
    let signIn = provider.flatMap { provider in options.signIn.map { (provider, $0) } }
    guard invitation != nil || signIn != nil else { throw Self.notEntitled(relay, provider) }
    if invitation == nil, let (provider, dialogue) = signIn,
      !provider.mayBeNamed(by: relay), !dialogue.allowsLocalProvider
    {
      throw Self.sentHere(relay)
    }
    // A sign-in is for so many requests, and no fewer.
    let most = invitation != nil ? WireLimits.tokens : directory.registration.tokens ?? 1
    var count = min(WireLimits.tokens, max(most, 1))
    while true {
      let requests = try Self.requests(count, at: relay, under: key)
      let body = requests.flatMap(\.request.encoded)
      let credential: String
      if let invitation {
        credential = invitation
      } else {
        // The sign-in is for these requests at this relay: whoever sees it gets nothing for it.
        credential = try await self.signIn(
          at: signIn!.0, signIn!.1, nonce: TokenChallenge(of: relay).nonce(for: body))
      }
      do {
        let tokens = try await tokens(requests, body, at: relay, showing: credential)
        // As it is now: others may have paid meanwhile.
        try step { engine in
          var purse = try engine.purse(at: relay)
          purse.tokens += tokens
          purse.invitation = invitation
          try engine.keep(purse)
        }
        return
      } catch RelayFailure.declined(_, .tokensExhausted) where count > 1 && invitation != nil {
        // As many as are left.
        count /= 2
      } catch let failure as RelayFailure {
        throw Self.explained(failure, at: relay, isInvited: invitation != nil)
      }
    }
  }

  /// Whether the relay wants tokens for something new, and there are none.
  func wantsTokens(at relay: RelayAuthority) async throws -> Bool {
    guard try step({ try $0.purse(at: relay) }).tokens.count < 2 else { return false }
    do {
      let answer = try await connections.stubbornly(RelayRequest(.get, .tokenKeys, at: relay), as: .registrar)
      return answer.status == 200
    } catch { throw error.asClientError }
  }

  private func signIn(
    at provider: SignInProvider, _ dialogue: SignInDialogue, nonce: String
  ) async throws -> String {
    try await SottoClient.signIn(
      at: provider, by: dialogue.method, nonce: nonce,
      options: SignInOptions(caFile: options.caFile, callbackPort: dialogue.callbackPort), show: dialogue.show)
  }

  private func directory(at relay: RelayAuthority, as voice: Voice) async throws -> TokenDirectory {
    do {
      return try await connections.stubbornly(RelayRequest(.get, .tokenKeys, at: relay), as: voice).expecting(200)
        .decoded { try JSONDecoder().decode(TokenDirectory.self, from: Data($0)) }
    } catch { throw error.asClientError }
  }

  private static func requests(
    _ count: Int, at relay: RelayAuthority, under key: BlindVerifyingKey
  ) throws -> [PendingToken] {
    var entropy = SystemEntropy()
    var pending: [PendingToken] = []
    for _ in 0..<count { pending.append(try PendingToken(at: relay, under: key, from: &entropy)) }
    return pending
  }

  private func tokens(
    _ pending: [PendingToken], _ body: [UInt8], at relay: RelayAuthority, showing credential: String
  ) async throws -> [RegistrationToken] {
    let request = RelayRequest(
      .post, .tokens, at: relay, fields: [HeaderField(HeaderName.authorization, "Bearer " + credential)], body: body)
    // Repeated, it is the same request, and counts once.
    let answer = try await connections.stubbornly(request, as: .registrar).expecting(200)
    let size = BlindVerifyingKey.modulusCount
    guard answer.body.count == pending.count * size else {
      throw RelayFailure.nonsense(relay, what: "it signs other tokens than were asked for")
    }
    return try pending.enumerated().map { place, token in
      do { return try token.token(Array(answer.body[place * size..<(place + 1) * size])) } catch {
        throw RelayFailure.nonsense(relay, what: "a token is not signed with the key that it names")
      }
    }
  }

  private static func notEntitled(_ relay: RelayAuthority, _ provider: SignInProvider?) -> ClientError {
    if provider != nil {
      return ClientError(
        .refused, "The relay at \(relay.text) wants you to sign in again.",
        meaning: "What it gave you when you signed in last is used up. Nothing was created there.",
        next: "Run a command that signs in: sotto identity register")
    }
    return ClientError(
      .refused, "The relay at \(relay.text) lets in who is invited.", meaning: "Nothing was created there.",
      next: "Ask its operator for an invitation, and run the same again with --invite INVITATION.")
  }

  private static func sentHere(_ relay: RelayAuthority) -> ClientError {
    ClientError(
      .refused, "The relay at \(relay.text) would have you sign in at a provider on this machine.",
      meaning:
        "A relay that is elsewhere must not have this program call what listens here. Nothing was created there.",
      next: "If the relay is on this machine as well, run the same again with SOTTO_LOCAL_PROVIDER=1.")
  }

  private static func explained(_ failure: RelayFailure, at relay: RelayAuthority, isInvited: Bool) -> ClientError {
    switch failure {
    case .declined(_, .credentialRefused) where !isInvited:
      ClientError(
        .refused, "The relay at \(relay.text) does not take this sign-in.",
        meaning: "The provider's answer was not for this relay, or is too old. Nothing was created there.",
        next: "Check this machine's clock and run the same again; if it stays so, ask the relay's operator.")
    case .declined(_, .tokensExhausted) where !isInvited:
      ClientError(
        .refused, "Your account has had as many tokens of this relay as it may for now.",
        meaning: "They are worth some mailboxes and addresses in each 30 days.",
        next: "Try again later, or ask the relay's operator.")
    case .declined(_, .credentialRefused):
      ClientError(
        .refused, "The relay at \(relay.text) does not take this invitation.",
        meaning: "It is mistyped, of another relay, or over. Nothing was created there.",
        next: "Ask the relay's operator for another, and run the same again with --invite INVITATION.")
    case .declined(_, .tokensExhausted):
      ClientError(
        .refused, "This invitation has been used as often as it may be for now.",
        meaning: "It is worth some mailboxes and addresses in each 30 days.",
        next: "Try again later, or ask the relay's operator for another.")
    default: failure.asClientError
    }
  }
}
