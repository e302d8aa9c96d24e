import Foundation
import SottoWire
import Testing

extension RelayProcess {
  /// For as many mailboxes and cards as the options say.
  func invitation(_ more: String...) async throws -> String {
    let outcome = try await run(
      Programs.path("sotto-relay"), ["token", "issue", "--data", data] + more, input: Data(), environment: [:])
    try #require(outcome.status == 0, "\(outcome)")
    return outcome.output.trimmingCharacters(in: .whitespacesAndNewlines)
  }
}

/// What was bought for an account that then could not be made. [token.11]
@Suite struct KeptTokensTests {
  /// A relay behind a proxy that takes mailboxes, and for now no card; and how many lots of tokens it was asked for.
  private final class Grudging {
    let proxy: Proxy
    private let lock = NSLock()
    private var (lots, isWilling) = (0, false)

    init(_ relay: RelayProcess) throws {
      proxy = try Proxy(to: relay)
      let body = Array(Problem.storageFull.document.utf8)
      let head =
        "HTTP/1.1 507 No\r\ncontent-type: application/problem+json\r\ncontent-length: \(body.count)\r\n\r\n"
      let refusal = Array(head.utf8) + body
      proxy.decide { request in
        self.lock.withLock {
          if request.firstLine.hasPrefix("POST /v1/tokens ") { self.lots += 1 }
          let isCard = request.firstLine.hasPrefix("PUT /v1/cards/")
          return isCard && !self.isWilling ? .answer(refusal) : .pass
        }
      }
    }

    var asked: Int { lock.withLock { lots } }
    func relent() { lock.withLock { isWilling = true } }
  }

  private static func place() async throws -> (TemporaryFolder, RelayProcess, Grudging) {
    let folder = try TemporaryFolder()
    let relay = try await RelayProcess(data: folder.file("relay"), settings: ["registration": "invite"])
    return (folder, relay, try Grudging(relay))
  }

  /// An account that cannot be made, after four tokens were bought for it. One of these is for nothing: for the mailbox that was.
  private func fail(_ person: Person, at relay: RelayProcess, behind grudging: Grudging) async throws {
    let invited = try await relay.invitation("--tokens", "4")
    let failed = try await person.sotto("identity", "create", "--relay", grudging.proxy.url, "--invite", invited)
    #expect(failed.status == 77 && failed.stderr.contains("are kept in"), "\(failed)")
  }

  /// What was bought for an identity that could not be made is there for who tries again. [token.11]
  @Test func aCreationThatFailsKeepsWhatItBought() async throws {
    let (folder, relay, grudging) = try await Self.place()
    defer { grudging.proxy.end() }
    let alice = Person("alice", in: folder)
    try await fail(alice, at: relay, behind: grudging)
    let asked = grudging.asked
    #expect(asked > 0)
    // There is no identity, and whoever asks for one at another relay gets it there.
    #expect(try await alice.sotto("identity", "show").status == 66)
    let elsewhere = try await RelayProcess(data: folder.file("elsewhere"), settings: ["registration": "invite"])
    let uninvited = try await alice.sotto("identity", "create", "--relay", elsewhere.url)
    #expect(uninvited.status == 77 && uninvited.stderr.contains("\(elsewhere.port) lets in"), "\(uninvited)")

    grudging.relent()
    let created = try await alice.sotto("identity", "create", "--relay", grudging.proxy.url)
    #expect(created.status == 0, "\(created)")
    #expect(grudging.asked == asked, "nothing is bought")
    #expect(try await alice.sotto("doctor").status == 0)
    // The fourth is there still.
    #expect(try await alice.sotto("identity", "rotate").status == 0)
    #expect(grudging.asked == asked)
  }

  /// Whoever comes back with another passphrase is told what is there, and need not find the old one to begin anew. [token.11]
  @Test func whatIsKeptCanBeDiscarded() async throws {
    let (folder, relay, grudging) = try await Self.place()
    defer { grudging.proxy.end() }
    let alice = Person("alice", in: folder)
    try await fail(alice, at: relay, behind: grudging)
    var forgetful = alice
    forgetful.passphrase = "another one"
    let before = try alice.files()
    let again = try await forgetful.sotto("identity", "create", "--relay", grudging.proxy.url)
    expectError(again, 77, "wrong-passphrase")
    #expect(again.stderr.contains("tokens") && again.stderr.contains("sotto identity delete"), "\(again)")
    let linked = try await forgetful.sotto("device", "link", "--relay", grudging.proxy.url, "--yes")
    expectError(linked, 77, "wrong-passphrase")
    #expect(linked.stderr.contains("tokens"), "\(linked)")
    #expect(try alice.files() == before)

    let deleted = try await forgetful.sotto("identity", "delete", "--yes")
    #expect(deleted.status == 0 && deleted.objects.first?["deleted"] as? Bool == true, "\(deleted)")
    #expect(!FileManager.default.fileExists(atPath: alice.home))
    grudging.relent()
    let another = try await relay.invitation()
    let created = try await forgetful.sotto("identity", "create", "--relay", grudging.proxy.url, "--invite", another)
    #expect(created.status == 0, "\(created)")
    // An identity is not taken for what was kept.
    expectError(try await alice.sotto("identity", "delete", "--yes"), 77, "wrong-passphrase")
    #expect(try await forgetful.sotto("identity", "show").status == 0)
  }

  /// So it is with a device that was to be linked. [token.11]
  @Test func aLinkThatFailsKeepsWhatItBought() async throws {
    let (folder, relay, grudging) = try await Self.place()
    defer { grudging.proxy.end() }
    let phone = Person("phone", in: folder)
    // A mailbox for each attempt, and an account.
    let invited = try await relay.invitation("--tokens", "4")
    let link = ["device", "link", "--relay", grudging.proxy.url, "--name", "phone", "--yes"]
    func run(_ more: String...) async throws -> Outcome {
      try await EndToEndTests.run(
        Programs.path("sotto"), link + more + ["--home", phone.home, "--json"], input: Data(),
        environment: ["SOTTO_PASSPHRASE": phone.passphrase])
    }
    let failed = try await run("--invite", invited)
    #expect(failed.status == 77 && failed.stderr.contains("are kept in"), "\(failed)")
    let asked = grudging.asked
    let again = try await run()
    #expect(again.status == 77 && again.stderr.contains("are kept in"), "\(again)")
    #expect(asked > 0 && grudging.asked == asked, "nothing is bought")
    // What is left is good for whatever is made there, and goes with it.
    grudging.relent()
    let created = try await phone.sotto("identity", "create", "--relay", grudging.proxy.url)
    #expect(created.status == 0, "\(created)")
    #expect(grudging.asked == asked)
    #expect(try await phone.sotto("identity", "delete", "--yes").status == 0)
    #expect(!FileManager.default.fileExists(atPath: phone.home))
    // Where nothing was bought nothing is left.
    let stranger = Person("stranger", in: folder)
    let refused = try await stranger.sotto("device", "link", "--relay", grudging.proxy.url, "--yes")
    #expect(refused.status == 77 && refused.stderr.contains("lets in who is invited"), "\(refused)")
    #expect(!FileManager.default.fileExists(atPath: stranger.home))
  }
}
