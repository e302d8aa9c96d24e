import Foundation
import JWTKit
import NIOSSL
import SottoRelay
import SottoWire
import Synchronization
import Testing
import sotto_push

/// Says what it is told to, and remembers what it was asked.
final class FixedResolver: Resolver {
  private let answers: [String: [String]]
  private let asked = Mutex<[String]>([])

  init(_ answers: [String: [String]]) { self.answers = answers }

  var questions: [String] { asked.withLock { $0 } }

  func addresses(of host: String) async -> [ClientAddress] {
    asked.withLock { $0.append(host) }
    return (answers[host] ?? []).map { ClientAddress($0)! }
  }
}

/// What several threads look at.
private final class Shared<Value: Sendable>: Sendable {
  private let value: Mutex<Value>

  init(_ value: Value) { self.value = Mutex(value) }

  func withLock<Result: Sendable>(_ body: (inout Value) -> Result) -> Result { value.withLock { body(&$0) } }
}

/// [push.8]
@Suite struct EndpointTests {
  @Test(arguments: [
    "127.0.0.1", "127.255.255.255", "0.0.0.0", "10.1.2.3", "100.64.0.1", "169.254.169.254", "172.16.0.1",
    "172.31.255.1",
    "192.168.1.1", "192.0.0.8", "192.0.2.1", "192.88.99.1", "198.18.0.1", "198.51.100.7", "203.0.113.9", "224.0.0.1",
    "240.0.0.1", "255.255.255.255", "::1", "::", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.1.1",
    "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b:1::1", "100::1", "2001::1", "2001:db8::1", "2002:7f00:1::1", "2002::1",
    "3fff::1", "5f00::1", "fc00::1", "fd12:3456::1", "fe80::1", "fec0::1", "ff02::1", "2620:4f:8000::1",
  ])
  func isNotPublic(address: String) throws {
    #expect(try !PublicAddresses.contain(#require(ClientAddress(address))))
  }

  @Test(arguments: [
    "1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.1", "100.63.255.255", "100.128.0.1", "126.1.1.1", "128.0.0.1",
    "172.15.1.1", "172.32.0.1", "192.167.1.1", "223.255.255.1", "2606:4700::1111", "2a00:1450:4001::1", "2001:200::1",
    "::ffff:8.8.8.8",
  ])
  func isPublic(address: String) throws {
    #expect(try PublicAddresses.contain(#require(ClientAddress(address))))
  }

  @Test(arguments: [
    "https://push.example/a", "https://push.example/", "https://push.example:8443/a?b=c", "http://localhost:1/",
    "https://1.2.3.4/", "http://127.0.0.1:81/", "https://[2001:db8::1]/a",
  ])
  func canBeTakenApart(url: String) {
    #expect(Endpoint(url) != nil)
  }

  @Test(arguments: [
    "https://push.example", "https://user@push.example/", "https://user:word@push.example/", "https://Push.example/",
    "https://push.example./", "https://push.example:0443/", "https://push.example:443/", "https://push.example:70000/",
    "https://push.example/#a", "https://push.example\\@127.0.0.1/", "https://push.example/\\", "http://push.example/",
    "https://localhost/", "https://127.1/", "https://0x7f000001/", "https://2130706433/", "https://[::ffff:127.0.0.1]/",
    "https://[::1%25lo]/", "https:///a", "https://push.example@127.0.0.1/", "ftp://push.example/", "//push.example/",
    "",
  ])
  func hasMoreThanOneReading(url: String) {
    #expect(Endpoint(url) == nil)
  }

  /// Who connects reads the URL by Foundation's rules, and has an address for the name that ours have found: it must be the
  /// same one, or the name would be looked up once more.
  @Test func whoConnectsReadsTheSameHost() {
    let hosts = [
      "push.example", "xn--bcher-kva.example", "localhost", "127.0.0.1", "[2606:4700::1111]", "1.1.1.1", "0x7f.1", "",
      "a@push.example", "push.example@evil.example", "push.example%2eevil.example", "push.example?evil.example",
      "push.example;evil.example", "push.example\\evil.example", "push_1.example",
    ]
    let paths = [
      "/", "/a?b=c", "/@evil.example/", "//evil.example/", "/..//evil.example:1/", "/%2f%40", "/\"<>^`{|}", "/%zz",
      "/:8443", "/?@evil.example:1/", "/a?b=://evil.example/", "",
    ]
    var count = 0
    for scheme in ["https://", "http://", "https:///", "https:////", "HTTPS://", "https:", "https:/"] {
      for (host, port) in hosts.flatMap({ host in ["", ":443", ":8443", ":80", ":", ":0"].map { (host, $0) } }) {
        for path in paths {
          let text = scheme + host + port + path
          // What it cannot read nobody connects to.
          guard let endpoint = Endpoint(text), let url = URL(string: text) else { continue }
          count += 1
          let found = url.host(percentEncoded: false)?.trimmingCharacters(in: CharacterSet(charactersIn: "[]"))
          let usual = endpoint.authority.isLoopback ? 80 : 443
          #expect(found == endpoint.authority.host && url.user == nil, "\(text)")
          #expect((url.port ?? usual) == endpoint.authority.port, "\(text)")
        }
      }
    }
    #expect(count > 100)
  }

  private func rules(_ answers: [String: [String]], exempt: [String] = []) -> (EndpointRules, FixedResolver) {
    let resolver = FixedResolver(answers)
    return (EndpointRules(exempt: Set(exempt.map { RelayAuthority($0)! }), resolver: resolver), resolver)
  }

  @Test func onlyNamesAtTheUsualPort() async throws {
    let (rules, resolver) = rules(["push.example": ["8.8.8.8"], "1.1.1.1": ["1.1.1.1"]])
    for url in [
      "https://push.example:8443/", "https://1.1.1.1/", "https://10.0.0.1:99/",
      "http://localhost:1/", "http://127.0.0.1:81/", "https://[2606:4700::1]/",
    ] {
      #expect(await rules.answer(for: try #require(Endpoint(url))) == .refuse, "\(url)")
    }
    #expect(resolver.questions.isEmpty, "nobody was even asked")
    #expect(
      await rules.answer(for: try #require(Endpoint("https://push.example/a")))
        == .connect(to: [ClientAddress("8.8.8.8")!]))
  }

  @Test func oneAddressThatIsNotPublicIsEnough() async throws {
    let (rules, _) = rules([
      "a.example": ["8.8.8.8", "127.0.0.1"], "b.example": ["10.0.0.1"], "c.example": ["2a00::1", "::1"],
      "d.example": ["2606:4700::1111", "1.1.1.1"],
    ])
    for name in ["a", "b", "c"] {
      #expect(await rules.answer(for: try #require(Endpoint("https://\(name).example/"))) == .refuse)
    }
    #expect(
      await rules.answer(for: try #require(Endpoint("https://d.example/")))
        == .connect(to: [ClientAddress("2606:4700::1111")!, ClientAddress("1.1.1.1")!]))
    #expect(await rules.answer(for: try #require(Endpoint("https://unknown.example/"))) == .unknown)
  }

  @Test func whatTheOperatorExemptsMayStandAnywhere() async throws {
    let (rules, _) = rules(
      ["push.internal": ["10.0.0.5"], "localhost": ["127.0.0.1"]], exempt: ["push.internal:8443", "localhost:9"])
    #expect(
      await rules.answer(for: try #require(Endpoint("https://push.internal:8443/a")))
        == .connect(to: [ClientAddress("10.0.0.5")!]))
    #expect(
      await rules.answer(for: try #require(Endpoint("http://localhost:9/")))
        == .connect(to: [ClientAddress("127.0.0.1")!]))
    #expect(await rules.answer(for: try #require(Endpoint("https://push.internal/a"))) == .refuse, "another port")
    #expect(await rules.answer(for: try #require(Endpoint("http://localhost:10/"))) == .refuse)
  }

  /// The whole way: whatever a stranger names, nobody connects, and no name is believed twice.
  @Test func nobodyConnectsToWhereARefusedNamePoints() async throws {
    let listener = try Trap()
    let resolver = FixedResolver(["evil.example": ["127.0.0.1"], "mapped.example": ["::ffff:127.0.0.1"]])
    let push = WebPush(
      rules: EndpointRules(exempt: [], resolver: resolver),
      vapid: Vapid(ES256PrivateKey(), contact: "mailto:a@example.org", now: { 0 }), tls: .makeClientConfiguration())
    let key = try Trap.point()
    for url in [
      "https://evil.example/", "https://mapped.example/", "https://evil.example:\(listener.port)/",
      "http://127.0.0.1:\(listener.port)/", "http://localhost:\(listener.port)/",
      "https://169.254.169.254/latest/meta-data",
    ] {
      let kind = PushTarget.Kind.webPush(endpoint: url, key: key, auth: [UInt8](repeating: 1, count: 16))
      #expect(await push.wake(kind)?.outcome == .refused, "\(url)")
    }
    await push.close()
    #expect(listener.connections == 0)
  }

  /// The address that was looked at is the one that is connected to: nobody is asked what the name stands for once more.
  @Test func whoConnectsAsksNobody() async throws {
    let listener = try Trap()
    let authority = try #require(RelayAuthority("pinned.test:\(listener.port)"))
    let push = WebPush(
      rules: EndpointRules(exempt: [authority], resolver: FixedResolver(["pinned.test": ["127.0.0.1"]])),
      vapid: Vapid(ES256PrivateKey(), contact: "mailto:a@example.org", now: { 0 }), tls: .makeClientConfiguration())
    let endpoint = "https://pinned.test:\(listener.port)/"
    let kind = PushTarget.Kind.webPush(
      endpoint: endpoint, key: try Trap.point(), auth: [UInt8](repeating: 1, count: 16))
    let waking = Task { await push.wake(kind) }
    var connections = 0
    for _ in 0..<500 where connections == 0 {
      connections = listener.connections
      try await Task.sleep(for: .milliseconds(10))
    }
    #expect(connections > 0, "no other name server knows this name")
    // Nobody spoke TLS with it.
    #expect(await waking.value?.outcome == .busy)
    await push.close()
  }

  @Test func theSystemsResolverKnowsThisMachine() async {
    let found = await SystemResolver().addresses(of: "localhost")
    #expect(!found.isEmpty && found.allSatisfy(\.isLoopback))
    #expect(await SystemResolver().addresses(of: "no-such-host.invalid").isEmpty)
  }

  /// Names that nobody answers for are given up, and those that no thread has taken by then are not asked for any more.
  @Test func aNameThatNobodyAnswersForIsGivenUp() async throws {
    let (mayEnd, asked) = (Shared(false), Shared<[String]>([]))
    let address = try #require(ClientAddress("8.8.8.8"))
    let resolver = SystemResolver(limit: .milliseconds(200)) { host in
      asked.withLock { $0.append(host) }
      guard host != "quick.example", host != "web.push.apple.com" else { return [address] }
      // If it is waited for, that ends too.
      for _ in 0..<60_000 {
        if mayEnd.withLock({ $0 }) { return [] }
        usleep(1_000)
      }
      return [address]
    }
    let found = await withTaskGroup(of: [ClientAddress].self) { group in
      for number in 0..<40 { group.addTask { await resolver.addresses(of: "\(number).example") } }
      return await group.reduce(into: [ClientAddress]()) { $0 += $1 }
    }
    #expect(found.isEmpty, "and it has ended")
    // Every thread is held; but for those who look up what everybody knows.
    var known: [ClientAddress] = []
    for _ in 0..<50 where known.isEmpty { known = await resolver.addresses(of: "web.push.apple.com") }
    #expect(known == [address])
    mayEnd.withLock { $0 = true }
    while await resolver.addresses(of: "quick.example") != [address] {}
    let names = asked.withLock { $0 }.filter { $0 != "quick.example" && $0 != "web.push.apple.com" }
    #expect(names.count <= 8, "as many as there are threads")
  }

  /// A host that was connected to before makes nobody wait for its name: an answer that nobody gives changes nothing, the same
  /// one nothing either, and another one is what counts from then on. [push.8]
  @Test func aNameIsLookedUpAgainBesideItsUse() async throws {
    let (first, second) = (try #require(ClientAddress("8.8.8.8")), try #require(ClientAddress("8.8.4.4")))
    let answer = Shared<EndpointRules.Answer?>(.connect(to: [first]))
    let questions = Shared(0)
    let clients = PinnedClients(tls: .makeClientConfiguration(), nameAge: .zero) { _ in
      questions.withLock { $0 += 1 }
      // nil: nobody says anything yet.
      while true {
        if let said = answer.withLock({ $0 }) { return said }
        try? await Task.sleep(for: .milliseconds(1))
      }
    }
    let endpoint = try #require(Endpoint("https://push.example/a"))
    let lent = Shared<[any AnyObject & Sendable]>([])
    func use() async -> PushOutcome {
      let reply = await clients.with(endpoint) { client in
        lent.withLock { $0.append(client) }
        return PushReply(.woken)
      }
      return reply.outcome
    }
    func different() -> Int { lent.withLock { Set($0.map { ObjectIdentifier($0) }).count } }
    func asked(_ count: Int) async throws {
      while questions.withLock({ $0 }) < count { try await Task.sleep(for: .milliseconds(1)) }
    }
    #expect(await use() == .woken)
    answer.withLock { $0 = nil }
    for _ in 0..<3 { #expect(await use() == .woken) }
    try await asked(2)
    #expect(questions.withLock { $0 } == 2, "once at a time")
    answer.withLock { $0 = .unknown }
    try await asked(2)
    for _ in 0..<3 { #expect(await use() == .woken) }
    #expect(different() == 1, "the same client for all")
    answer.withLock { $0 = .connect(to: [second]) }
    while different() < 2 { #expect(await use() == .woken) }
    answer.withLock { $0 = .refuse }
    while await use() == .woken {}
    #expect(await use() == .refused)
    await clients.close()
  }

  /// Where nobody answers at one address of a name, the next is tried; where somebody does, it stays, whatever is answered, and
  /// in whatever order they are named. [push.8]
  @Test func theNextAddressIsTriedWhereNobodyAnswers() async throws {
    let addresses = try ["2606:4700::1111", "1.1.1.1", "8.8.8.8"].map { try #require(ClientAddress($0)) }
    let named = Shared(addresses)
    let (clock, looks) = (Shared(ContinuousClock.now), Shared(0))
    let clients = PinnedClients(
      tls: .makeClientConfiguration(),
      answer: { _ in
        looks.withLock { $0 += 1 }
        return .connect(to: named.withLock { $0 })
      }, now: { clock.withLock { $0 } })
    let endpoint = try #require(Endpoint("https://push.example/a"))
    let lent = Shared<[any AnyObject & Sendable]>([])
    // nil: nobody answers.
    func use(_ outcome: PushOutcome?) async -> ObjectIdentifier? {
      let reply = await clients.with(endpoint) { client in
        lent.withLock { $0.append(client) }
        return outcome.map { PushReply($0) }
      }
      #expect(reply == PushReply(outcome ?? .busy))
      return lent.withLock { $0.last.map { ObjectIdentifier($0) } }
    }
    let first = await use(nil)
    let second = await use(.woken)
    #expect(second != first)
    #expect(await use(.gone) == second)
    named.withLock { $0.reverse() }
    clock.withLock { $0 += .seconds(61) }
    #expect(await use(.woken) == second)
    while looks.withLock({ $0 }) < 2 { try await Task.sleep(for: .milliseconds(1)) }
    for outcome in PushOutcome.allCases { #expect(await use(outcome) == second, "\(outcome)") }
    #expect(await use(nil) == second)
    let third = await use(nil)
    #expect(third != first && third != second)
    let fourth = await use(nil)
    #expect(![first, second, third].contains(fourth), "all have had their turn, with clients of their own")
    await clients.close()
  }

  /// An address that nobody has confirmed for an hour is not used any more before somebody does. [push.8]
  @Test func anAddressThatNobodyConfirmsIsGivenUp() async throws {
    let address = try #require(ClientAddress("8.8.8.8"))
    let answer = Shared(EndpointRules.Answer.connect(to: [address]))
    let clock = Shared(ContinuousClock.now)
    let clients = PinnedClients(
      tls: .makeClientConfiguration(), answer: { _ in answer.withLock { $0 } }, now: { clock.withLock { $0 } })
    let endpoint = try #require(Endpoint("https://push.example/a"))
    func use() async -> PushOutcome { await clients.with(endpoint) { _ in PushReply(.woken) }.outcome }
    #expect(await use() == .woken)
    answer.withLock { $0 = .unknown }
    clock.withLock { $0 += .seconds(3_599) }
    #expect(await use() == .woken)
    clock.withLock { $0 += .seconds(1) }
    #expect(await use() == .busy)
    answer.withLock { $0 = .refuse }
    #expect(await use() == .refused)
    answer.withLock { $0 = .connect(to: [address]) }
    #expect(await use() == .woken)
    await clients.close()
  }
}
