internal import Foundation
internal import SottoCrypto
internal import SottoWire

/// Who may make something new at a relay that does not let everybody: it signs tokens for those who show that they may
/// have some, without seeing the tokens, and knows its own when they are spent. [token.1]
///
///     invitation or sign-in -> account, counted -> tokens, signed blindly   ...   token -> mailbox or card, once
actor RegistrationDesk {
  private let mode: RelayConfiguration.Registration
  private let ledger: any RegistrationLedger
  private let invitationKey: SecretBox
  private let accountKey: SecretBox
  private let keys: TokenKeys
  /// nil where nobody signs in.
  private let provider: OIDCProvider?
  private let verifier: IDTokenVerifier?
  private let fetch: ProviderFetch?
  /// Tokens of who signs in, in one epoch.
  private let limit: Int
  private let settings: LiveSettings
  private let audit: AuditLog
  private let signer = BatchSigner()

  init(
    _ mode: RelayConfiguration.Registration, _ secret: RegistrationSecret, _ ledger: any RegistrationLedger,
    provider: (OIDCProvider, ProviderFetch)? = nil, limit: Int, settings: LiveSettings, audit: AuditLog,
    now: @escaping @Sendable () -> Int64
  ) {
    (self.settings, self.audit) = (settings, audit)
    (self.provider, fetch, self.limit) = (provider?.0, provider?.1, limit)
    verifier = provider.map { provider, fetch in
      IDTokenVerifier(provider, fetch: { try await fetch.get($0) }, now: now)
    }
    self.mode = mode
    self.ledger = ledger
    invitationKey = SecretBox(secret.forInvitations())
    accountKey = SecretBox(secret.forAccounts())
    keys = TokenKeys(ledger, secret)
  }

  /// Fails at the start rather than at the first request.
  func prepare(_ now: Int64) async throws { _ = try await keys.all(now) }

  func close() async { await fetch?.shutdown() }

  // MARK: What is told

  /// RFC 9578 section 4, and how to come by tokens. [token.2]
  func directory(_ now: Int64) async throws -> Reply {
    let all = try await keys.all(now).enumerated().map { place, key in
      let start = (RegistrationRules.epoch(now) - Int64(place)) * RelayLimits.epochDays * 86_400
      let text = Base64URL.encode(key.publicKey.encoded)
      return #"{"token-type":2,"token-key":"\#(text)","not-before":\#(start)}"#
    }
    let body =
      #"{"issuer-request-uri":"\#(Route.tokens.path)","token-keys":[\#(all.joined(separator: ","))],"#
      + #""sotto-registration":{\#(registration)}}"#
    return Reply(
      status: 200, fields: [HeaderField("content-type", "application/private-token-issuer-directory")],
      body: Array(body.utf8))
  }

  private var registration: String {
    let mode = #""mode":"\#(mode.rawValue)""#
    guard let provider else { return mode }
    let (issuer, clientID) = (Self.escaped(provider.issuer), Self.escaped(provider.clientID))
    return mode + #","issuer":"\#(issuer)","client-id":"\#(clientID)","tokens":\#(limit)"#
  }

  /// Printable ASCII, as it stands in JSON.
  private static func escaped(_ text: String) -> String {
    text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"")
  }

  /// RFC 9577 section 2.1, beside a refusal. [token.9]
  func challenge(_ relay: RelayAuthority, _ now: Int64) async -> HeaderField? {
    guard let key = try? await keys.all(now).first else { return nil }
    let challenge = Base64URL.encode(TokenChallenge(of: relay).encoded)
    let text = Base64URL.encode(key.publicKey.encoded)
    return HeaderField("www-authenticate", #"PrivateToken challenge="\#(challenge)", token-key="\#(text)""#)
  }

  // MARK: Issuing

  /// Signs what was blinded, for whoever shows that it may have tokens. [token.6]
  ///
  /// - Parameter challenge: of the relay, by the name that the client used.
  func issue(
    _ credential: String, _ body: [UInt8], for challenge: TokenChallenge, _ now: Int64
  ) async throws -> Reply {
    guard let requests = try? TokenRequest.all(body) else { throw Refusal(.requestMalformed) }
    let epoch = RegistrationRules.epoch(now)
    guard let key = try await keys.key(epoch, making: true) else { throw Refusal(.unavailable) }
    // Who asks for another key has looked at the directory before this epoch: it looks again.
    guard requests.allSatisfy({ $0.truncatedKeyID == key.publicKey.id[31] }) else { throw Refusal(.requestMalformed) }
    guard requests.allSatisfy({ key.publicKey.canSign($0.blinded) }) else { throw Refusal(.requestMalformed) }
    let holder = try await holder(credential, nonce: challenge.nonce(for: body), now)
    // Counted before it is done: who has had all costs nothing, and who asks again after a crash is not counted again.
    do {
      try await ledger.issue(
        Issuance(
          account: holder.account, credential: holder.credential, batch: Digest.of("token requests", body),
          count: requests.count, limit: holder.limit, epoch: epoch, sponsor: holder.sponsor))
    } catch let refusal as Refusal where refusal.problem == .tokensExhausted {
      throw Refusal(.tokensExhausted, retryAfter: RegistrationRules.untilNextEpoch(now))
    }
    // Whoever spends a token does not wait for it.
    let signatures = try await signer.sign { try requests.flatMap { try key.sign($0.blinded) } }
    return Reply(
      status: 200, fields: [HeaderField("content-type", "application/octet-stream")], body: signatures)
  }

  private struct Holder {
    let account: Digest
    let credential: GenuineToken?
    let limit: Int
    var sponsor: Issuance.Sponsor?
  }

  /// Whoever has shown this.
  private func holder(_ credential: String, nonce: String, _ now: Int64) async throws -> Holder {
    guard let invitation = Invitation(text: credential) else {
      return try await signedIn(credential, nonce: nonce, now)
    }
    let names = [invitation.id] + [invitation.inviter?.id].compactMap(\.self)
    guard invitation.isGenuine(under: invitationKey.secret), Int64(invitation.lastDay) >= MailboxRules.day(now),
      settings.withdrawn.isDisjoint(with: names)
    else { throw Refusal(.credentialRefused) }
    var sponsor: Issuance.Sponsor?
    var name = invitation.id
    if let inviter = invitation.inviter {
      sponsor = Issuance.Sponsor(account: try account("inviter", inviter.id), limit: Int(inviter.total))
      // Two who invite may draw the same name, if they want to; their invitations are not one.
      name = inviter.id + name
    }
    return Holder(
      account: try account("invitation", name), credential: nil, limit: Int(invitation.tokens), sponsor: sponsor)
  }

  /// Whoever has signed in. [token.12]
  private func signedIn(_ idToken: String, nonce: String, _ now: Int64) async throws -> Holder {
    guard let verifier, let provider else { throw Refusal(.credentialRefused) }
    let person: SignedIn
    do throws(IDTokenRefusal) {
      person = try await verifier.verify(idToken)
      // Made for these requests at this relay, or by a provider that was not told for which.
      guard person.nonce == nil || person.nonce == nonce else { throw IDTokenRefusal.refused(.nonce) }
    } catch {
      audit.signIn(SignInResult(error), now)
      guard error != .providerUnavailable else { throw Refusal(.unavailable, isProviderAway: true) }
      throw Refusal(.credentialRefused)
    }
    audit.signIn(.accepted, now)
    var name = WireWriter()
    name.vector(Array(provider.issuer.utf8))
    name.vector(Array(person.subject.utf8))
    // Without the signature: of some kinds there are two for the same words.
    let words = Array(idToken.utf8.prefix(upTo: idToken.utf8.lastIndex(of: UInt8(ascii: ".")) ?? idToken.utf8.endIndex))
    // It is not older than an hour, so tomorrow it is none.
    let once = GenuineToken(id: Digest.of("sign-in", words), lastDay: MailboxRules.day(now) + 1)
    return Holder(account: try account("sign-in", name.bytes), credential: once, limit: limit)
  }

  private func account(_ label: Label, _ parts: [UInt8]) throws -> Digest {
    try Digest(PRF.derive(accountKey.secret, label, parts).a().revealed())
  }

  // MARK: Spending

  /// What a request for something new shows. Throws `tokenRefused` for what is no token of ours. [token.9]
  func entitlement(_ authorization: String?, at relay: RelayAuthority, _ now: Int64) async throws -> Entitlement {
    guard let authorization else { return .missing }
    guard let token = RegistrationToken(authorization: authorization) else { throw Refusal(.tokenRefused) }
    for (place, epoch) in RegistrationRules.epochsThatCount(now).enumerated() {
      guard let key = try await keys.key(epoch, making: place == 0)?.publicKey, token.isValid(at: relay, under: key)
      else { continue }
      return .token(
        GenuineToken(
          id: token.spentID, lastDay: RegistrationRules.lastDay(ofKey: epoch),
          lease: RegistrationRules.lease(now)))
    }
    throw Refusal(.tokenRefused)
  }
}
