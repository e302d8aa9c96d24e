import Foundation
import SottoClient
import SottoCrypto
import SottoWire
import Testing

/// The real programs and a relay that lets in who is invited. [token.8] [token.11]
@Suite struct RegistrationProgramTests {
  private func create(_ person: Person, at relay: RelayProcess, _ invitation: String?) async throws -> Outcome {
    try await person.sotto(
      "identity", "create", "--relay", relay.url, environment: invitation.map { ["SOTTO_INVITE": $0] } ?? [:])
  }

  @Test func whoIsInvitedIsLetIn() async throws {
    let folder = try TemporaryFolder()
    let relay = try await RelayProcess(data: folder.file("relay"), settings: ["registration": "invite"])
    let (alice, bob) = (Person("alice", in: folder), Person("bob", in: folder))
    let refused = try await create(alice, at: relay, nil)
    #expect(refused.status == 77 && refused.stderr.contains("lets in who is invited"), "\(refused)")
    #expect(!FileManager.default.fileExists(atPath: alice.home + "/store.sqlite"))
    let mistyped = try await create(alice, at: relay, "no-invitation")
    #expect(mistyped.status == 77 && mistyped.stderr.contains("does not take this invitation"), "\(mistyped)")

    // One that begins like an option is looked at, and not the command line blamed.
    let dashed = try await alice.sotto("identity", "create", "--relay", relay.url, "--invite", "-no-invitation")
    #expect(dashed.status == 77 && dashed.stderr.contains("does not take this invitation"), "\(dashed)")

    let invitation = try await relay.invitation()
    let first = try await alice.sotto("identity", "create", "--relay", relay.url, "--invite", invitation)
    let second = try await create(bob, at: relay, invitation)
    let addresses = try [first, second].map { try #require($0.objects.first?["address"] as? String, "\($0)") }
    try await alice.add(addresses[1], as: "bob")
    try await alice.send("hello", to: "bob")
    #expect(try await bob.receive() == ["hello"])
    // What is made later is paid for with what was kept: a new address, a new card.
    let rotated = try await alice.sotto("identity", "rotate")
    #expect(rotated.status == 0, "\(rotated)")
    #expect(try await bob.sotto("send", "alice", "again").status != 70)

    // Nothing of what was shown is in the relay's folder or in its log.
    for file in [relay.database, relay.database + "-wal", relay.log] {
      let bytes = (try? Data(contentsOf: URL(filePath: file))) ?? Data()
      #expect(bytes.range(of: Data(invitation.utf8)) == nil, "\(file)")
    }
  }

  @Test func anInvitationIsUsedUp() async throws {
    let folder = try TemporaryFolder()
    let relay = try await RelayProcess(data: folder.file("relay"), settings: ["registration": "invite"])
    // A mailbox and a card for one, and nothing for another.
    let invitation = try await relay.invitation("--tokens", "3", "--days", "1")
    let (alice, bob) = (Person("alice", in: folder), Person("bob", in: folder))
    #expect(try await create(alice, at: relay, invitation).status == 0)
    let refused = try await create(bob, at: relay, invitation)
    #expect(refused.status == 77 && refused.stderr.contains("used as often"), "\(refused)")
    #expect(!FileManager.default.fileExists(atPath: bob.home + "/store.sqlite"))
  }

  /// Whether the new relay lets the account in is found out while nothing has changed; and the old one learns nothing of it.
  @Test func whoIsNotLetInStaysWhereTheyAre() async throws {
    let folder = try TemporaryFolder()
    let open = try await RelayProcess(data: folder.file("open"))
    let closed = try await RelayProcess(data: folder.file("closed"), settings: ["registration": "invite"])
    let (alice, bob) = (Person("alice", in: folder), Person("bob", in: folder))
    let address = try await alice.create(at: open.url)
    let bobs = try await bob.create(at: open.url)
    try await alice.add(bobs, as: "bob")
    let refused = try await alice.sotto("identity", "move", closed.url)
    #expect(refused.status == 77 && refused.stderr.contains("lets in who is invited"), "\(refused)")
    #expect(try await alice.sotto("identity", "show").objects.first?["address"] as? String == address)
    try await alice.send("still here", to: "bob")
    #expect(try await bob.receive() == ["still here"])

    let invitation = try await closed.invitation()
    let moved = try await alice.sotto("identity", "move", closed.url, "--invite", invitation)
    #expect(moved.status == 0 && moved.objects.first?["state"] as? String == "published", "\(moved)")
    try await alice.send("moved", to: "bob")
    #expect(try await bob.receive().contains("moved"))
    let deleted = try await alice.sotto("identity", "delete", "--yes")
    #expect(deleted.status == 0, "\(deleted)")
    for file in [open.database, open.database + "-wal", open.log] {
      let bytes = (try? Data(contentsOf: URL(filePath: file))) ?? Data()
      #expect(bytes.range(of: Data(invitation.utf8)) == nil, "\(file)")
    }
  }

  /// Where the account was nothing is bought: not by a relay that does not let everybody in any more either. [token.11]
  @Test func aFormerRelayThatWantsTokensGetsNone() async throws {
    let folder = try TemporaryFolder()
    let former = try await RelayProcess(data: folder.file("former"))
    let closed = try await RelayProcess(data: folder.file("closed"), settings: ["registration": "invite"])
    let (alice, bob) = (Person("alice", in: folder), Person("bob", in: folder))
    _ = try await alice.create(at: former.url)
    // What there is to tell it waits, and it comes back as another.
    former.kill()
    let invitation = try await closed.invitation("--tokens", "4")
    let moved = try await alice.sotto("identity", "move", closed.url, "--invite", invitation)
    #expect(moved.status == 0, "\(moved)")
    for file in ["", "-wal", "-shm"] { try? FileManager.default.removeItem(atPath: former.database + file) }
    try Data("registration = invite\n".utf8).write(to: URL(filePath: former.data + "/relay.conf"))
    try await former.start()
    for _ in 0..<2 {
      let received = try await alice.sotto("receive")
      #expect(received.status == 0, "\(received)")
    }
    #expect(former.lines.allSatisfy { !$0.contains("security") }, "\(former.lines)")
    // All four were hers, for mailbox and card and two more; they are there.
    #expect(try await alice.sotto("doctor").status == 0)
    for _ in 0..<2 { #expect(try await alice.sotto("identity", "rotate").status == 0) }
    let bobs = try await create(bob, at: closed, try await closed.invitation())
    try await bob.add(
      try #require(try await alice.sotto("identity", "show").objects.first?["address"] as? String), as: "alice")
    #expect(bobs.status == 0)
    try await bob.send("found you", to: "alice")
    #expect(try await alice.receive() == ["found you"])
    let bytes = (try? Data(contentsOf: URL(filePath: former.database + "-wal"))) ?? Data()
    #expect(bytes.range(of: Data(invitation.utf8)) == nil)
  }

  /// A payment that cannot be made is left for the next time, and what is behind it goes on. [token.11] [token.13]
  @Test func aPaymentThatCannotBeMadeHoldsNothingUp() async throws {
    let folder = try TemporaryFolder()
    let relay = try await RelayProcess(data: folder.file("relay"), settings: ["registration": "invite"])
    let proxy = try Proxy(to: relay)
    defer { proxy.end() }
    let (alice, bob) = (Person("alice", in: folder), Person("bob", in: folder))
    // The relay says that the mailbox is paid for until in five days.
    func isPayment(_ request: HTTPMessage) -> Bool {
      let words = request.firstLine.split(separator: " ")
      return words.first == "PUT" && words[1].hasPrefix("/v1/mailboxes/") && words[1].count { $0 == "/" } == 3
    }
    let soon = Int(Date.now.timeIntervalSince1970) + 5 * 86_400
    proxy.decide { request in
      guard isPayment(request) else { return .pass }
      return .edit { answer in
        Array(
          String(decoding: answer, as: UTF8.self).replacing(/sotto-lease: \d+/) { _ in "sotto-lease: \(soon)" }.utf8)
      }
    }
    let invited = try await relay.invitation()
    let made = try await alice.sotto("identity", "create", "--relay", proxy.url, "--invite", invited)
    #expect(made.status == 0, "\(made)")
    let bobs = try await create(bob, at: relay, invited)
    try await alice.add(try #require(bobs.objects.first?["address"] as? String), as: "bob")
    // From now on it takes no token, and sells none.
    func answer(_ problem: Problem) -> Proxy.Fate {
      let body = Array(problem.document.utf8)
      let head =
        "HTTP/1.1 \(problem.status) No\r\ncontent-type: application/problem+json\r\n"
        + "content-length: \(body.count)\r\n\r\n"
      return .answer(Array(head.utf8) + body)
    }
    let capabilities = NSLock()
    var (refused, sold, behind) = (0, 0, 0)
    proxy.decide { request in
      capabilities.withLock {
        if isPayment(request) {
          refused += 1
          return answer(.tokenRefused)
        }
        if request.firstLine.hasPrefix("POST /v1/tokens ") {
          sold += 1
          return answer(.tokensExhausted)
        }
        if request.firstLine.contains("/capabilities ") { behind += 1 }
        return .pass
      }
    }
    // Whoever is blocked is locked out: a request of the owner's, behind the payment.
    let blocked = try await alice.sotto("contact", "block", "bob")
    #expect(blocked.status == 0, "\(blocked)")
    for _ in 0..<3 {
      let received = try await alice.sotto("receive")
      #expect(received.status == 0, "\(received)")
    }
    let counts = capabilities.withLock { (refused, sold, behind) }
    #expect(counts.0 > 0 && counts.1 > 0, "it was tried: \(counts)")
    #expect(counts.2 > 0, "what is behind it went on: \(counts)")
    // When the relay takes tokens again the mailbox is paid for.
    var paid = 0
    proxy.decide { request in
      if isPayment(request) { capabilities.withLock { paid += 1 } }
      return .pass
    }
    #expect(try await alice.sotto("receive").status == 0)
    #expect(capabilities.withLock { paid } == 1)
    #expect(try await alice.sotto("receive").status == 0)
    #expect(capabilities.withLock { paid } == 1, "for 30 days")
  }

  /// An operator lets somebody invite, and takes it back. [token.14] [token.15]
  @Test func somebodyElseInvites() async throws {
    try await awayFromMidnight()
    let folder = try TemporaryFolder()
    let list = folder.file("withdrawn")
    try Data().write(to: URL(filePath: list))
    let relay = try await RelayProcess(
      data: folder.file("relay"), settings: ["registration": "invite", "registration.withdrawn": list])
    func token(_ arguments: String..., input: String = "") async throws -> Outcome {
      try await run(Programs.path("sotto-relay"), ["token"] + arguments + ["--json"], input: Data(input.utf8))
    }
    let key = folder.file("inviter.key")
    let inviter = ["inviter", key, "--tokens", "4", "--total", "8", "--days", "30", "--data", relay.data]
    let made = try await run(Programs.path("sotto-relay"), ["token"] + inviter + ["--json"])
    let name = try #require(made.objects.first?["id"] as? String, "\(made)")
    #expect(try FileManager.default.attributesOfItem(atPath: key)[.posixPermissions] as? Int == 0o600)
    let again = try await run(Programs.path("sotto-relay"), ["token"] + inviter)
    #expect(again.status == 73 && again.stderr.contains("There is a file"), "\(again)")

    let issued = try await token("issue", "--inviter", key, "--count", "2")
    let invitations = try issued.objects.map { try #require($0["invitation"] as? String, "\(issued)") }
    #expect(invitations.count == 2 && issued.objects[0]["tokens"] as? Int == 4)
    for arguments in [["--tokens", "5"], ["--days", "31"]] {
      let more = try await run(Programs.path("sotto-relay"), ["token", "issue", "--inviter", key] + arguments)
      #expect(more.status == 64 && more.stderr.contains("allows 4 tokens and 30 days"), "\(more)")
    }
    let late = folder.file("late.key")
    var entropy = SystemEntropy()
    let over = InviterScope(lastDay: 20_000, tokens: 4, total: 8, from: &entropy)
    try Data(InviterKey(over, under: Secret(count: 32, from: &entropy)).revealed().utf8).write(to: URL(filePath: late))
    let expired = try await token("issue", "--inviter", late)
    #expect(expired.status == 64 && expired.output.isEmpty && expired.stderr.contains("another key"), "\(expired)")
    let none = try await token("issue", "--inviter", relay.data + "/registration.key")
    #expect(none.status == 78 && none.stderr.contains("inviter's key"), "\(none)")
    let shown = try await token("show", invitations[0])
    #expect(shown.objects.first?["inviter"] as? String == name && shown.objects.first?["days"] as? Int == 30)
    let piped = try await token("show", input: invitations[1] + "\n")
    let second = try #require(piped.objects.first?["id"] as? String, "\(piped)")
    #expect(try await token("show", "nonsense").status == 65)

    let (alice, bob, carol) = (Person("alice", in: folder), Person("bob", in: folder), Person("carol", in: folder))
    #expect(try await create(alice, at: relay, invitations[0]).status == 0)
    try Data("\(second)  # of Bob\n".utf8).write(to: URL(filePath: list))
    relay.signal(SIGHUP)
    _ = try await relay.logged("reloaded")
    let refused = try await create(bob, at: relay, invitations[1])
    #expect(refused.status == 77 && refused.stderr.contains("does not take this invitation"), "\(refused)")
    try Data("\(name)\n".utf8).write(to: URL(filePath: list))
    relay.signal(SIGHUP)
    _ = try await relay.logged("reloaded", 2)
    let third = try #require(try await token("issue", "--inviter", key).objects.first?["invitation"] as? String)
    #expect(try await create(carol, at: relay, third).status == 77)
    #expect(try await create(carol, at: relay, try await relay.invitation()).status == 0)
  }

  @Test func badCommandsChangeNothing() async throws {
    let folder = try TemporaryFolder()
    let data = folder.file("relay")
    for (arguments, status) in [
      (["issue", "--count", "0"], 64), (["issue", "--tokens", "1001"], 64), (["issue", "--days", "x"], 64), ([], 64),
      (["key"], 64), (["inviter"], 64), (["inviter", "/x", "--tokens", "0"], 64),
      (["inviter", "/x", "--total", "0"], 64),
    ] as [([String], Int32)] where !arguments.isEmpty {
      let outcome = try await run(
        Programs.path("sotto-relay"), ["token"] + arguments + (arguments[0] == "issue" ? ["--data", data] : []),
        input: Data(), environment: [:])
      #expect(outcome.status == status, "\(arguments): \(outcome)")
    }
    #expect(!FileManager.default.fileExists(atPath: data))
    let key = folder.file("registration.key")
    for _ in 0..<2 {
      let made = try await run(Programs.path("sotto-relay"), ["token", "key", key], input: Data(), environment: [:])
      #expect(made.status == 0, "\(made)")
    }
    let attributes = try FileManager.default.attributesOfItem(atPath: key)
    #expect(attributes[.posixPermissions] as? Int == 0o600)
    let nowhere = try await run(
      Programs.path("sotto-relay"), ["token", "key", "/proc/none/key"], input: Data(), environment: [:])
    #expect(nowhere.status == 73 && nowhere.stderr.contains("registration key /proc/none/key"), "\(nowhere)")
    try Data("not a key\n".utf8).write(to: URL(filePath: key))
    let damaged = try await run(
      Programs.path("sotto-relay"), ["token", "issue", "--data", data, "--registration-key", key], input: Data(),
      environment: [:])
    #expect(damaged.status == 78 && damaged.stderr.contains("64 hexadecimal digits"), "\(damaged)")
  }

  /// `sotto identity create`, as it waits for its user to sign in.
  private final class Newcomer {
    private let process = Process()
    private let output: String

    init(_ person: Person, _ arguments: String..., in folder: TemporaryFolder) throws {
      output = folder.file("\(UUID()).out")
      try Data().write(to: URL(filePath: output))
      process.executableURL = Programs.path("sotto")
      process.arguments = ["identity", "create"] + arguments + ["--json", "--home", person.home]
      process.environment = ["SOTTO_PASSPHRASE": person.passphrase, "PATH": "/usr/bin:/bin"]
      let handle = try #require(FileHandle(forWritingAtPath: output))
      (process.standardOutput, process.standardError) = (handle, handle)
      process.standardInput = FileHandle.nullDevice
      try Programs.start(process) { _ in }
    }

    var text: String { (try? String(contentsOfFile: output, encoding: .utf8)) ?? "" }

    /// What its user is to do.
    func step() async throws -> SignInStep {
      for _ in 0..<7200 where process.isRunning {
        if let line = text.split(separator: "\n").first,
          let object = try? JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any],
          let page = object["sign_in"] as? String
        {
          guard let code = object["code"] as? String else { return .open(page) }
          return .enter(code: code, at: page, direct: object["direct"] as? String)
        }
        try await Task.sleep(for: .milliseconds(25))
      }
      throw CancellationError()
    }

    func end() async throws -> Int32 {
      for _ in 0..<7200 where process.isRunning { try await Task.sleep(for: .milliseconds(25)) }
      if process.isRunning { kill(process.processIdentifier, SIGKILL) }
      process.waitUntilExit()
      return process.terminationStatus
    }

    deinit { if process.isRunning { kill(process.processIdentifier, SIGKILL) } }
  }

  /// By a provider that people run: its device code has no nonce, its browser's has one, and it enforces PKCE. [token.12]
  @Test(.enabled(if: Glewlwyd.program != nil)) func whoSignsInIsLetIn() async throws {
    let folder = try TemporaryFolder()
    let provider = try await Glewlwyd()
    let relay = try await RelayProcess(
      data: folder.file("relay"),
      settings: [
        "registration": "oidc", "oidc.issuer": provider.issuer, "oidc.client-id": provider.clientID,
        "registration.tokens": "5",
      ])
    var addresses: [String] = []
    for (name, way) in [("alice", "device"), ("bob", "browser")] {
      let newcomer = try Newcomer(
        Person(name, in: folder), "--relay", relay.url, "--sign-in", way, "--callback-port",
        "\(provider.callbackPort)", in: folder)
      try await provider.follow(try await newcomer.step(), as: name)
      #expect(try await newcomer.end() == 0, "\(newcomer.text)")
      let last = try #require(newcomer.text.split(separator: "\n").last)
      let object = try JSONSerialization.jsonObject(with: Data(last.utf8)) as? [String: Any]
      addresses.append(try #require(object?["address"] as? String, "\(newcomer.text)"))
    }
    let (alice, bob) = (Person("alice", in: folder), Person("bob", in: folder))
    try await alice.add(addresses[1], as: "bob")
    try await alice.send("signed in", to: "bob")
    #expect(try await bob.receive() == ["signed in"])
    // Five in 30 days were all of hers.
    let again = try Newcomer(
      Person("again", in: folder), "--relay", relay.url, "--sign-in", "device", in: folder)
    try await provider.follow(try await again.step(), as: "alice")
    #expect(try await again.end() == 77 && again.text.contains("as many tokens"), "\(again.text)")
    #expect(!FileManager.default.fileExists(atPath: folder.file("again") + "/store.sqlite"))
    for file in [relay.database, relay.database + "-wal", relay.log] {
      let bytes = (try? Data(contentsOf: URL(filePath: file))) ?? Data()
      #expect(bytes.range(of: Data("alice".utf8)) == nil, "\(file)")
    }
  }
}
