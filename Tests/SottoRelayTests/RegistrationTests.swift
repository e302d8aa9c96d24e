import Foundation
import GRDB
import SottoCrypto
import SottoRelay
import SottoSimulation
import SottoWire
import Testing

/// A relay that lets in who is invited, over HTTP.
@Suite struct RegistrationRelayTests {
  /// One that runs, and what its operator has.
  private struct House {
    let relay: TestRelay
    let secret: RegistrationSecret

    func invitation(lastDay: UInt32 = 30_000, tokens: UInt16 = 32) -> String {
      var entropy = SystemEntropy()
      return Invitation(lastDay: lastDay, tokens: tokens, under: secret.forInvitations(), from: &entropy).text
    }

    /// The keys of the directory.
    func keys() async throws -> [BlindVerifyingKey] {
      let answer = try await relay.send("GET", Route.tokenKeys.path)
      try #require(answer.status == 200)
      let document = try #require(
        try JSONSerialization.jsonObject(with: Data(answer.body)) as? [String: Any])
      #expect(document["issuer-request-uri"] as? String == "/v1/tokens")
      #expect((document["sotto-registration"] as? [String: String]) == ["mode": "invite"])
      let keys = try #require(document["token-keys"] as? [[String: Any]])
      return try keys.map { key in
        #expect(key["token-type"] as? Int == 2)
        let text = try #require(key["token-key"] as? String)
        let bytes = try #require(Base64URL.decode(text))
        return try BlindVerifyingKey(bytes)
      }
    }

    func ask(_ credential: String?, _ body: [UInt8]) async throws -> Answer {
      try await relay.send(
        "POST", Route.tokens.path, credential.map { [HeaderField("authorization", $0)] } ?? [], body: body)
    }

    func tokens(_ count: Int, for invitation: String) async throws -> [RegistrationToken] {
      var entropy = SystemEntropy()
      let key = try #require(try await keys().first)
      var pending: [PendingToken] = []
      for _ in 0..<count { pending.append(try PendingToken(at: relay.authority, under: key, from: &entropy)) }
      let answer = try await ask("Bearer " + invitation, pending.flatMap(\.request.encoded))
      try #require(answer.status == 200 && answer.body.count == count * 256, "\(answer)")
      return try pending.enumerated().map { try $1.token(Array(answer.body[$0 * 256..<($0 + 1) * 256])) }
    }
  }

  private func withHouse(
    in folder: Folder = Folder(), signedRequests: ClientRate? = nil, _ body: (House) async throws -> Void
  ) async throws {
    let relay = try await TestRelay.start(in: folder) {
      $0.registration = .invite
      $0.metrics = ListenAddress(host: "127.0.0.1", port: 0)
      guard let signedRequests else { return }
      $0.clients.limitsLoopback = true
      $0.clients.signedRequests = signedRequests
    }
    let secret = try RegistrationSecret.read(folder.path + "/registration.key")
    do { try await body(House(relay: relay, secret: secret)) } catch {
      try? await relay.stop()
      throw error
    }
    try await relay.stop()
  }

  private static let authorization = "authorization"

  /// Who asks for tokens pays for the work, also for what is signed once more and not counted. [limits.2]
  @Test func tokensCostWhatTheyTake() async throws {
    let rate = ClientRate(burst: 16 * RelayLimits.tokenCost + 50, microseconds: 60_000_000)
    try await withHouse(signedRequests: rate) { house in
      let invitation = house.invitation()
      _ = try await house.tokens(16, for: invitation)
      let again = try await house.ask("Bearer " + invitation, [UInt8](repeating: 0, count: 16 * TokenRequest.count))
      #expect(again.problem == .tooManyRequests)
    }
  }

  /// [token.9]
  @Test func somethingNewNeedsATokenOnce() async throws {
    try await withHouse { house in
      let relay = house.relay
      let owner = Owner(1)
      let other = Owner(2)
      let refused = try await relay.owner(owner.key, .put, .mailbox(owner.mailbox), sequence: 1)
      #expect(refused.problem == .tokenRequired && refused.status == 401)
      let key = try #require(try await house.keys().first)
      let challenge = Base64URL.encode(TokenChallenge(of: relay.authority).encoded)
      #expect(
        refused.field("www-authenticate")
          == "PrivateToken challenge=\"\(challenge)\", token-key=\"\(Base64URL.encode(key.encoded))\"")

      let tokens = try await house.tokens(3, for: house.invitation())
      func create(_ token: RegistrationToken?) async throws -> Int {
        try await relay.owner(owner.key, .put, .mailbox(owner.mailbox), sequence: 1, token: token).status
      }
      #expect(try await create(tokens[0]) == 204)
      #expect(try await create(tokens[0]) == 204)
      let replayed = try await relay.owner(other.key, .put, .mailbox(other.mailbox), sequence: 1, token: tokens[0])
      #expect(replayed.problem == .tokenRefused)
      #expect(replayed.field("www-authenticate") != nil)
      // What is there goes on without.
      let set = try owner.capabilities.encoded
      #expect(
        try await relay.owner(owner.key, .put, .capabilities(owner.mailbox), body: set, sequence: 2).status == 204)

      let card = try CardID([UInt8](repeating: 9, count: 16))
      func put(_ token: RegistrationToken?) async throws -> Answer {
        try await relay.owner(
          owner.key, .put, .card(card), body: [1], sequence: 3, listSequence: 1, condition: .absent, token: token)
      }
      #expect(try await put(nil).problem == .tokenRequired)
      #expect(try await put(tokens[0]).problem == .tokenRefused)
      #expect(try await put(tokens[1]).status == 204)
      let replaced = try await relay.owner(
        owner.key, .put, .card(card), body: [2], sequence: 4, listSequence: 2, condition: .replaces(1))
      #expect(replaced.status == 204)
    }
  }

  /// A token counts when it is spent, and not for each time that its request is made. [token.9]
  @Test func aTokenIsCountedOnce() async throws {
    try await withHouse { house in
      let relay = house.relay
      let owner = Owner(1)
      let tokens = try await house.tokens(3, for: house.invitation())
      func spent() async throws -> Int { try await relay.metric("sotto_relay_tokens_total{what=\"spent\"}") }
      for _ in 0..<2 {
        let made = try await relay.owner(owner.key, .put, .mailbox(owner.mailbox), sequence: 1, token: tokens[0])
        #expect(made.status == 204)
      }
      #expect(try await spent() == 1)
      let card = try CardID([UInt8](repeating: 9, count: 16))
      for _ in 0..<2 {
        let made = try await relay.owner(
          owner.key, .put, .card(card), body: [1], sequence: 2, listSequence: 1, condition: .absent, token: tokens[1])
        #expect(made.status == 204)
      }
      #expect(try await spent() == 2)
      // Another 30 days of the mailbox.
      for _ in 0..<2 {
        let paid = try await relay.owner(owner.key, .put, .mailbox(owner.mailbox), sequence: 3, token: tokens[2])
        #expect(paid.status == 204)
      }
      #expect(try await spent() == 3)
      let replayed = try await relay.owner(owner.key, .put, .mailbox(owner.mailbox), sequence: 4, token: tokens[2])
      #expect(replayed.problem == .tokenRefused)
      #expect(try await spent() == 3)
    }
  }

  /// A token that is taken off one request is worth nothing on another: it is signed with the rest. [request.3]
  @Test func aTokenCannotBeExchangedOnTheWay() async throws {
    try await withHouse { house in
      let relay = house.relay
      let owner = Owner(1)
      let tokens = try await house.tokens(2, for: house.invitation())
      let request = OwnerRequest(.put, .mailbox(owner.mailbox), at: relay.authority, sequence: 1, token: tokens[0])
      let fields = request.headers(signedBy: owner.key, created: relay.clock.now)
      func send(_ fields: [HeaderField]) async throws -> Answer {
        try await relay.send("PUT", Route.mailbox(owner.mailbox).path, fields)
      }
      let others = fields.filter { $0.name != Self.authorization }
      #expect(try await send(others).problem == .signatureRefused)
      let exchanged = others + [HeaderField(Self.authorization, tokens[1].authorization)]
      #expect(try await send(exchanged).problem == .signatureRefused)
      let twice = fields + [HeaderField(Self.authorization, tokens[0].authorization)]
      #expect(try await send(twice).problem == .signatureRefused)
      #expect(try await send(fields).status == 204)
    }
  }

  /// [token.6] [token.8]
  @Test func onlyGenuineInvitationsBuyTokens() async throws {
    try await withHouse { house in
      let key = try #require(try await house.keys().first)
      var entropy = SystemEntropy()
      let body = try PendingToken(at: house.relay.authority, under: key, from: &entropy).request.encoded
      let today = UInt32(house.relay.clock.now / 86_400)
      let genuine = house.invitation(lastDay: today)
      #expect(try await house.ask("Bearer " + genuine, body).status == 200)
      let stranger = Invitation(lastDay: today, tokens: 9, under: Secret(count: 32, from: &entropy), from: &entropy)
      let wrongCredentials: [String?] = [
        nil, "", "Bearer", "Bearer ", genuine, "bearer " + genuine, "Bearer  " + genuine, "Basic " + genuine,
        "Bearer " + house.invitation(lastDay: today - 1), "Bearer " + stranger.text, "Bearer " + genuine + "A",
        "Bearer a.b.c",
      ]
      for bad in wrongCredentials {
        let answer = try await house.ask(bad, body)
        #expect(answer.problem == .credentialRefused && answer.status == 401, "\(bad ?? "nil")")
      }
      let wrongs: [[UInt8]] = [
        [], Array(body.dropLast()), body + [0], [0, 1] + Array(body.dropFirst(2)),
        [0, 2, body[2] ^ 1] + Array(body.dropFirst(3)),
      ]
      for bad in wrongs {
        #expect(try await house.ask("Bearer " + genuine, bad).problem == .requestMalformed)
      }
      // A number that is not below the modulus: nothing is signed, nothing counted.
      let large = Array(body[..<3]) + [UInt8](repeating: 0xff, count: 256)
      #expect(try await house.ask("Bearer " + genuine, large).problem == .requestMalformed)
      #expect(try await house.ask("Bearer " + genuine, [UInt8](repeating: 0, count: 17 * 259)).problem == .bodyTooLarge)
    }
  }

  /// [token.7]
  @Test func anInvitationIsWorthSoManyInAnEpoch() async throws {
    try await withHouse { house in
      let invitation = house.invitation(tokens: 3)
      let key = try #require(try await house.keys().first)
      var entropy = SystemEntropy()
      func body(_ count: Int) throws -> [UInt8] {
        try (0..<count).flatMap { _ in
          try PendingToken(at: house.relay.authority, under: key, from: &entropy).request.encoded
        }
      }
      let first = try body(2)
      let answer = try await house.ask("Bearer " + invitation, first)
      #expect(answer.status == 200)
      // The same answer to the same request, counted once.
      #expect(try await house.ask("Bearer " + invitation, first) == answer)
      let refused = try await house.ask("Bearer " + invitation, try body(2))
      #expect(refused.problem == .tokensExhausted && refused.status == 429)
      let wait = try #require(refused.field("retry-after").flatMap { Int64($0) })
      #expect(try await house.ask("Bearer " + invitation, try body(1)).status == 200)
      #expect(try await house.ask("Bearer " + invitation, try body(1)).problem == .tokensExhausted)
      house.relay.clock.advance(wait)
      _ = try await house.tokens(3, for: invitation)
    }
  }

  /// [token.14] [token.15]
  @Test func whoMayInviteDoesSoWithinTheirScope() async throws {
    let folder = Folder()
    let list = folder.path + "/withdrawn"
    try "# nobody yet\n\n".write(toFile: list, atomically: true, encoding: .utf8)
    func configure(_ configuration: inout RelayConfiguration) {
      configuration.registration = .invite
      configuration.registrationWithdrawn = list
    }
    let relay = try await TestRelay.start(in: folder, configure)
    let house = House(relay: relay, secret: try RegistrationSecret.read(folder.path + "/registration.key"))
    let key = try #require(try await house.keys().first)
    func body(_ count: Int) throws -> [UInt8] {
      var entropy = SystemEntropy()
      return try (0..<count).flatMap { _ in
        try PendingToken(at: relay.authority, under: key, from: &entropy).request.encoded
      }
    }
    var entropy = SystemEntropy()
    let scope = InviterScope(lastDay: 30_000, tokens: 4, total: 6, from: &entropy)
    let text = InviterKey(scope, under: house.secret.forInvitations()).revealed()
    func invitation(lastDay: UInt32 = 30_000, tokens: UInt16 = 4) throws -> Invitation {
      guard let key = InviterKey(text: Secret(copying: Array(text.utf8))) else { throw CancellationError() }
      var entropy = SystemEntropy()
      return Invitation(lastDay: lastDay, tokens: tokens, by: key, from: &entropy)
    }
    func ask(_ invitation: Invitation, _ count: Int) async throws -> Problem? {
      try await house.ask("Bearer " + invitation.text, try body(count)).problem
    }
    let (first, second) = (try invitation(), try invitation())
    #expect(try await ask(first, 4) == nil)
    #expect(try await ask(first, 1) == .tokensExhausted)
    #expect(try await ask(second, 3) == .tokensExhausted, "six of both")
    #expect(try await ask(second, 1) == nil)
    #expect(try await ask(try invitation(tokens: 5), 1) == .credentialRefused)
    #expect(try await ask(try invitation(lastDay: 30_001), 1) == .credentialRefused)
    #expect(try await ask(try invitation(lastDay: 1), 1) == .credentialRefused)

    // One that was withdrawn, and then all of theirs; an operator's counts as before.
    func withdraw(_ lines: String...) throws {
      try lines.joined(separator: "\n").write(toFile: list, atomically: true, encoding: .utf8)
      var configuration = RelayConfiguration(dataDirectory: folder.path)
      configure(&configuration)
      try #require(relay.relay).reload(configuration)
    }
    // As any editor writes it.
    try withdraw("# of Bob\r\n\(Hex.encode(second.id))  # Bob\r\n\r\n# nobody else\r\n")
    #expect(try await ask(second, 1) == .credentialRefused)
    let third = try invitation()
    #expect(try await ask(third, 1) == nil)
    #expect(throws: StartFailure.self) { try withdraw("\(Hex.encode(scope.id))", "no name") }
    #expect(try await ask(second, 1) == .credentialRefused, "a list that cannot be used changes nothing")
    try withdraw(Hex.encode(scope.id).uppercased())
    #expect(try await ask(third, 1) == .credentialRefused)
    #expect(try await ask(second, 1) == .credentialRefused)
    #expect(try await house.tokens(1, for: house.invitation()).count == 1)
    try await relay.stop()
    try FileManager.default.removeItem(atPath: list)
    await #expect(throws: StartFailure.self) { _ = try await TestRelay.start(in: folder, configure) }
  }

  /// Who may invite chooses the names of their invitations, and uses up nobody else's with that. [token.14]
  @Test func aNameBelongsToWhoGaveIt() async throws {
    try await withHouse { house in
      func invitationOfAnInviter() -> Invitation {
        var own = SystemEntropy()
        let scope = InviterScope(lastDay: 30_000, tokens: 2, total: 9, from: &own)
        var chosen = SeededEntropy(seed: 7)
        return Invitation(
          lastDay: 30_000, tokens: 2, by: InviterKey(scope, under: house.secret.forInvitations()), from: &chosen)
      }
      var chosen = SeededEntropy(seed: 7)
      let victim = Invitation(lastDay: 30_000, tokens: 2, under: house.secret.forInvitations(), from: &chosen)
      let others = [invitationOfAnInviter(), invitationOfAnInviter()]
      #expect(others.allSatisfy { $0.id == victim.id && $0.inviter != nil })
      for invitation in others + [victim] {
        let bought = try await house.tokens(2, for: invitation.text)
        #expect(bought.count == 2)
      }
      let key = try #require(try await house.keys().first)
      let more = try PendingToken(at: house.relay.authority, under: key, from: &chosen).request.encoded
      #expect(try await house.ask("Bearer " + victim.text, more).problem == .tokensExhausted)
    }
  }

  /// What was signed in one epoch is good in the next, and not after it. [token.1]
  @Test func tokensAgeWithTheirKey() async throws {
    try await withHouse { house in
      let clock = house.relay.clock
      let tokens = try await house.tokens(2, for: house.invitation())
      let old = try #require(try await house.keys().first)
      clock.advance(30 * 86_400)
      let keys = try await house.keys()
      #expect(keys.count == 2 && keys[1] == old && keys[0] != old)
      func create(_ seed: UInt8, _ token: RegistrationToken) async throws -> Answer {
        let owner = Owner(seed)
        return try await house.relay.owner(owner.key, .put, .mailbox(owner.mailbox), sequence: 1, token: token)
      }
      #expect(try await create(1, tokens[0]).status == 204)
      clock.advance(30 * 86_400)
      #expect(try await house.keys().count == 2)
      #expect(try await create(2, tokens[1]).problem == .tokenRefused)
    }
  }

  /// Keys and what was spent are in the store, the secret beside it. [token.1]
  @Test func aRestartKnowsItsTokens() async throws {
    let folder = Folder()
    var token: RegistrationToken?
    var authority: RelayAuthority?
    try await withHouse(in: folder) { house in
      let tokens = try await house.tokens(1, for: house.invitation())
      let owner = Owner(1)
      #expect(
        try await house.relay.owner(owner.key, .put, .mailbox(owner.mailbox), sequence: 1, token: tokens[0]).status
          == 204)
      (token, authority) = (tokens[0], house.relay.authority)
    }
    try await withHouse(in: folder) { house in
      let owner = Owner(2)
      let spent = try #require(token)
      // It listens elsewhere now, and is called by its old name.
      let request = OwnerRequest(
        .put, .mailbox(owner.mailbox), at: try #require(authority), sequence: 1, token: spent)
      let fields =
        request.headers(signedBy: owner.key, created: house.relay.clock.now)
        + [HeaderField("host", try #require(authority).text)]
      let answer = try await house.relay.send("PUT", Route.mailbox(owner.mailbox).path, fields)
      #expect(answer.problem == .tokenRefused)
    }
    // With another secret it does not start: it could not read its own keys.
    try FileManager.default.removeItem(atPath: folder.path + "/registration.key")
    await #expect(throws: StartFailure.self) {
      let relay = try await TestRelay.start(in: folder) { $0.registration = .invite }
      try await relay.stop()
    }
  }

  /// [token.2]
  @Test func aRelayThatLetsEverybodyInHasNoTokens() async throws {
    try await withRelay { (relay: TestRelay) async throws -> Void in
      #expect(try await relay.send("GET", Route.tokenKeys.path).problem == .notFound)
      #expect(try await relay.send("POST", Route.tokens.path, body: [1]).problem == .notFound)
      let owner = Owner(1)
      #expect(try await relay.owner(owner.key, .put, .mailbox(owner.mailbox), sequence: 1).status == 204)
    }
  }

  /// What the start could not forgive, because others held it, each sweep tries again. [token.13]
  @Test func aSweepForgivesWhatTheStartLeft() async throws {
    let folder = Folder()
    try await withHouse(in: folder) { house in
      let token = try #require(try await house.tokens(1, for: house.invitation()).first)
      try await Owner(1).register(at: house.relay, token: token)
    }
    var patient = Configuration()
    patient.busyMode = .timeout(60)
    let queue = try DatabaseQueue(path: folder.path + "/relay.sqlite", configuration: patient)
    // The first time that somebody forgives, which is the start, passes the mailbox by.
    try await queue.write { db in
      try db.execute(
        sql: """
          CREATE TABLE held (times INTEGER NOT NULL);
          INSERT INTO held VALUES (1);
          CREATE TRIGGER passes_by BEFORE UPDATE OF lease ON mailbox
          WHEN NEW.lease IS NULL AND (SELECT times FROM held) > 0
          BEGIN UPDATE held SET times = times - 1; SELECT RAISE(IGNORE); END
          """)
    }
    func count(_ sql: String) async throws -> Int? { try await queue.read { try Int.fetchOne($0, sql: sql) } }
    #expect(try await count("SELECT COUNT(lease) FROM mailbox") == 1)
    try await withRelay(in: folder) { (_: TestRelay) async throws -> Void in
      try await until { try await count("SELECT COUNT(lease) FROM mailbox") == 0 }
      let left = try await count("SELECT times FROM held")
      #expect(left == 0, "the start met it")
    }
    try queue.close()
  }

  /// What may be an attack is counted, and said once a minute without a word about whom. [operation.17]
  @Test func attacksAreSaidOnceAMinute() async throws {
    try await withHouse { house in
      let relay = house.relay
      let owner = Owner(1)
      let other = Owner(2)
      let token = try #require(try await house.tokens(1, for: house.invitation()).first)
      func create(_ token: RegistrationToken?, created: Int64? = nil) async throws {
        _ = try await relay.owner(
          other.key, .put, .mailbox(other.mailbox), sequence: 1, token: token, created: created)
      }
      #expect(try await relay.owner(owner.key, .put, .mailbox(owner.mailbox), sequence: 1, token: token).status == 204)
      let key = try #require(try await house.keys().first)
      var entropy = SystemEntropy()
      let body = try PendingToken(at: relay.authority, under: key, from: &entropy).request.encoded
      for _ in 0..<3 {
        try await create(token)
        _ = try await house.ask("Bearer x", body)
        var bad = token.encoded
        bad[100] ^= 1
        try await create(RegistrationToken(bad))
        try await create(nil, created: relay.clock.now - 400)
        _ = try await relay.owner(owner.key, .put, .mailbox(other.mailbox), sequence: 1)
      }
      func lines(_ what: String) -> [String] {
        relay.lines.all.filter { $0.contains("\"event\":\"security\"") && $0.contains("\"what\":\"\(what)\"") }
      }
      let kinds = ["replayed", "credential-refused", "token-refused", "clock-skew", "signature-refused"]
      for kind in kinds { #expect(lines(kind).count == 1, "\(kind): \(relay.lines.all)") }
      relay.clock.advance(60)
      try await create(token)
      #expect(lines("replayed").last?.contains("\"count\":3") == true)
      let canaries = [token.authorization, Hex.encode(token.encoded), owner.mailbox.text, other.mailbox.text]
      for canary in canaries { #expect(!relay.lines.all.contains { $0.contains(canary) }) }
    }
  }
}
