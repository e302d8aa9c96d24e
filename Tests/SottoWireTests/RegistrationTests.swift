import SottoCrypto
import SottoWire
import Testing

@Suite struct RegistrationTests {
  private static let relay = RelayAuthority("origin.example")!
  private static let key = try! BlindSigningKey()

  private func token(at relay: RelayAuthority = relay) throws -> RegistrationToken {
    var entropy = SystemEntropy()
    let pending = try PendingToken(at: relay, under: Self.key.publicKey, from: &entropy)
    return try pending.token(Self.key.sign(pending.request.blinded))
  }

  /// Of RFC 9577 section 2.1.1, with the names that RFC 9578's vectors have. [token.3]
  @Test func theChallengeIsThatOfTheSpecification() {
    let challenge = TokenChallenge(of: Self.relay)
    #expect(Hex.encode(challenge.encoded) == "0002000e6f726967696e2e6578616d706c6500000e6f726967696e2e6578616d706c65")
    #expect(challenge.digest == sha256(challenge.encoded))
  }

  /// The example of Specs/Registration.md. [token.12]
  @Test func aSignInIsForOneRelayAndItsRequests() throws {
    let nonce = TokenChallenge(of: Self.relay).nonce(for: [1, 2, 3])
    #expect(nonce == "noPJDSR6k_V6_TtGDMvMbnxxgQfGumbdHifJ-RFQUEM")
    let other = try #require(RelayAuthority("other.example"))
    #expect(TokenChallenge(of: other).nonce(for: [1, 2, 3]) != nonce)
    #expect(TokenChallenge(of: Self.relay).nonce(for: [1, 2]) != nonce)
  }

  /// [token.4] [token.5]
  @Test func aTokenIsGoodAtOneRelayUnderOneKey() throws {
    let token = try token()
    #expect(token.encoded.count == 354)
    #expect(token.isValid(at: Self.relay, under: Self.key.publicKey))
    #expect(!token.isValid(at: RelayAuthority("other.example")!, under: Self.key.publicKey))
    #expect(!token.isValid(at: Self.relay, under: try BlindSigningKey().publicKey))
    #expect(try token.spentID != self.token().spentID)
    for place in [2, 34, 66, 98, 353] {
      var bytes = token.encoded
      bytes[place] ^= 1
      let other = try #require(RegistrationToken(bytes))
      #expect(!other.isValid(at: Self.relay, under: Self.key.publicKey), "byte \(place)")
    }
    // Two signatures of one message would be one token.
    var bytes = token.encoded
    bytes[200] ^= 1
    #expect(RegistrationToken(bytes)?.spentID == token.spentID)
    let wrongs: [[UInt8]] = [
      [], Array(token.encoded.dropLast()), token.encoded + [0], [0, 1] + Array(token.encoded.dropFirst(2)),
    ]
    for bad in wrongs {
      #expect(RegistrationToken(bad) == nil)
    }
  }

  /// [token.9]
  @Test func aHeaderHasOneSpelling() throws {
    let token = try token()
    let text = token.authorization
    #expect(RegistrationToken(authorization: text) == token)
    let inner = String(text.dropFirst(20).dropLast())
    let long = String(repeating: "A", count: 10_000)
    let wrongs: [String] = [
      "", "PrivateToken", "\(text) ", " \(text)", text.lowercased(), "PrivateToken token=\(inner)", "Bearer \(inner)",
      "PrivateToken token=\"\(inner)=\"", "PrivateToken token=\"\(inner.dropLast())\"",
      "PrivateToken token=\"\(inner.dropLast())+\"", "\(text)\(text)", "PrivateToken token=\"\(long)\"",
    ]
    for bad in wrongs { #expect(RegistrationToken(authorization: bad) == nil, "\(bad.prefix(60))") }
  }

  /// Whoever takes a token off a request, or puts another there, has a request that nobody signed. [request.3] [token.9]
  @Test func aTokenIsSignedWithTheRest() throws {
    let owner = try SigningKey(seed: Secret(copying: [UInt8](repeating: 4, count: 32)))
    let mailbox = MailboxID(owner: owner.publicKey)
    let (mine, other) = (try token(), try token())
    let request = OwnerRequest(.put, .mailbox(mailbox), at: Self.relay, sequence: 1, token: mine)
    let fields = request.headers(signedBy: owner, created: 1_700_000_000)
    func verified(_ authorization: String?) -> VerifiedOwnerRequest? {
      try? VerifiedOwnerRequest(
        method: "PUT", authority: Self.relay, path: Route.mailbox(mailbox).path, body: [], now: 1_700_000_000
      ) { name in
        if name == HeaderName.authorization { return authorization.map { [$0] } ?? [] }
        return fields.filter { $0.name == name }.map(\.value)
      }
    }
    #expect(verified(mine.authorization)?.authorization == mine.authorization)
    #expect(verified(other.authorization) == nil)
    #expect(verified(nil) == nil)
  }

  /// [token.6]
  @Test func requestsStandInARow() throws {
    let one = TokenRequest(truncatedKeyID: 9, blinded: [UInt8](repeating: 3, count: 256))
    #expect(one.encoded.count == 259)
    #expect(Array(one.encoded[..<4]) == [0, 2, 9, 3])
    #expect(try TokenRequest.all(one.encoded) == [one])
    let most = [[UInt8]](repeating: one.encoded, count: 16).flatMap(\.self)
    #expect(try TokenRequest.all(most).count == 16)
    let wrongs: [[UInt8]] = [
      [], Array(one.encoded.dropLast()), one.encoded + [0], most + one.encoded,
      [0, 1] + Array(one.encoded.dropFirst(2)),
    ]
    for bad in wrongs {
      #expect(throws: WireError.self) { try TokenRequest.all(bad) }
    }
  }

  /// [token.8]
  @Test func anInvitationIsGenuineAsItIs() throws {
    var entropy = SystemEntropy()
    let key = Secret(count: 32, from: &entropy)
    let invitation = Invitation(lastDay: 20_000, tokens: 32, under: key, from: &entropy)
    let text = invitation.text
    #expect(text.utf8.count == 72)
    let read = try #require(Invitation(text: text))
    #expect(read == invitation)
    let isGenuine = read.isGenuine(under: key)
    #expect(isGenuine)
    let other = Secret(count: 32, from: &entropy)
    let isOthers = read.isGenuine(under: other)
    #expect(!isOthers)
    for place in 0..<72 {
      var other = Array(text.utf8)
      other[place] = other[place] == UInt8(ascii: "A") ? UInt8(ascii: "B") : UInt8(ascii: "A")
      if let changed = Invitation(text: String(decoding: other, as: UTF8.self)) {
        let isGenuine = changed.isGenuine(under: key)
        #expect(!isGenuine, "character \(place)")
      }
    }
    for bad in ["", String(text.dropLast()), text + "A", text.dropLast() + "=", text.dropLast() + "+"] {
      #expect(Invitation(text: String(bad)) == nil)
    }
  }

  /// A program takes text that begins with `-` for an option. [token.8] [token.14]
  @Test func noInvitationBeginsLikeAnOption() throws {
    let key = Secret(copying: [UInt8](repeating: 3, count: 32))
    let dashes = (UInt8(0xf8)...0xfb).map { [$0] + [UInt8](repeating: 1, count: 15) }
    let good: [UInt8] = [0xfc] + [UInt8](repeating: 2, count: 15)
    let drawn = (dashes + [good]).flatMap(\.self)
    var entropy = FixedEntropy(drawn + drawn + good)
    let invitation = Invitation(lastDay: 20_000, tokens: 32, under: key, from: &entropy)
    #expect(invitation.id == good && invitation.text.hasPrefix("_"))
    let scope = InviterScope(lastDay: 20_000, tokens: 32, total: 320, from: &entropy)
    #expect(scope.id == good)
    let sponsored = Invitation(lastDay: 20_000, tokens: 32, by: InviterKey(scope, under: key), from: &entropy)
    #expect(sponsored.text.hasPrefix("_"))
    // Those that were made before are as good as ever.
    let named: [UInt8] = dashes[0] + [0, 0, 0x4e, 0x20, 0, 32]
    let tag = PRF.derive(key, "invitation", named).a().revealed()
    let old = try #require(Invitation(text: Base64URL.encode(named + tag)))
    #expect(old.id == dashes[0] && old.text.hasPrefix("-"))
    let isGenuine = old.isGenuine(under: key)
    #expect(isGenuine)
    let oldScope: [UInt8] = named + [0, 0, 1, 0x40]
    let oldKey = oldScope + PRF.derive(key, "inviter", oldScope).a().revealed()
    guard let inviter = InviterKey(text: Secret(copying: Array(Base64URL.encode(oldKey).utf8))) else {
      Issue.record("it is not read")
      return
    }
    var more = FixedEntropy(good)
    let invited = Invitation(lastDay: 20_000, tokens: 32, by: inviter, from: &more)
    let isTaken = Invitation(text: invited.text)?.isGenuine(under: key)
    #expect(invited.text.hasPrefix("-") && isTaken == true)
  }

  /// Who may invite does so within a scope that is theirs, and cannot widen it. [token.14]
  @Test func anInviterInvitesWithinTheScope() throws {
    var entropy = SystemEntropy()
    let key = Secret(count: 32, from: &entropy)
    let scope = InviterScope(lastDay: 20_000, tokens: 16, total: 320, from: &entropy)
    let text = InviterKey(scope, under: key).revealed()
    #expect(text.utf8.count == 78)
    func isTaken(_ invitation: Invitation) -> Bool { invitation.isGenuine(under: key) }
    func invitation(_ key: borrowing InviterKey, lastDay: UInt32 = 20_000, tokens: UInt16 = 16) -> Invitation {
      var entropy = SystemEntropy()
      return Invitation(lastDay: lastDay, tokens: tokens, by: key, from: &entropy)
    }
    guard let inviter = InviterKey(text: Secret(copying: Array(text.utf8))) else {
      Issue.record("it is not read back")
      return
    }
    #expect(inviter.scope == scope)
    let made = invitation(inviter)
    #expect(made.text.utf8.count == 107 && Invitation(text: made.text) == made && made.inviter == scope)
    #expect(isTaken(made) && isTaken(invitation(inviter, lastDay: 1, tokens: 1)))
    #expect(!isTaken(invitation(inviter, tokens: 17)) && !isTaken(invitation(inviter, lastDay: 20_001)))
    let isOthers = made.isGenuine(under: Secret(count: 32, from: &entropy))
    #expect(!isOthers)
    // A scope of one's own making is another key's.
    for place in 0..<26 {
      guard var bytes = Base64URL.decode(text) else { return }
      bytes[place] ^= 1
      guard let wider = InviterKey(text: Secret(copying: Array(Base64URL.encode(bytes).utf8))) else { continue }
      #expect(!isTaken(invitation(wider, lastDay: 1, tokens: 1)), "byte \(place)")
    }
    for place in 0..<107 {
      var other = Array(made.text.utf8)
      other[place] = other[place] == UInt8(ascii: "A") ? UInt8(ascii: "B") : UInt8(ascii: "A")
      if let changed = Invitation(text: String(decoding: other, as: UTF8.self)) {
        #expect(!isTaken(changed), "character \(place)")
      }
    }
    // The key of who invites is none that invitations without a scope are made with.
    let bare = Array(try #require(Base64URL.decode(made.text)).dropFirst(26))
    #expect(!isTaken(try #require(Invitation(text: Base64URL.encode(bare)))))
    for bad in ["", String(text.dropLast()), text + "A", text + "\n", made.text] {
      let isKey = InviterKey(text: Secret(copying: Array(bad.utf8))) != nil
      #expect(!isKey)
    }
  }

  /// [encoding.8]
  @Test func base64ForURLsHasOneSpelling() {
    #expect(Base64URL.encode([0xfb, 0xff]) == "-_8")
    #expect(Base64URL.decode("-_8") == [0xfb, 0xff])
    #expect(Base64URL.encode([]) == "" && Base64URL.decode("") == [])
    for bad in ["+/8", "-_8=", "-_9", "A", "-_8 ", "-_8\n", "é"] { #expect(Base64URL.decode(bad) == nil, "\(bad)") }
  }
}
