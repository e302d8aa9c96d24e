import NIOCore
import SottoRelay
import SottoWire
import Testing

/// Who asks, and how much they may: without a socket and without a clock.
@Suite struct ClientLimitTests {
  /// [limits.1]
  @Test func addressesAreReadStrictly() throws {
    let equal: [(String, [UInt8])] = [
      ("192.0.2.1", [192, 0, 2, 1]), ("0.0.0.0", [0, 0, 0, 0]), ("::ffff:192.0.2.1", [192, 0, 2, 1]),
      ("::FFFF:c000:201", [192, 0, 2, 1]), ("::", [UInt8](repeating: 0, count: 16)),
      ("2001:db8::1", [0x20, 1, 0xd, 0xb8] + [UInt8](repeating: 0, count: 11) + [1]),
      ("1:2:3:4:5:6:7:8", [0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7, 0, 8]),
      ("1::", [0, 1] + [UInt8](repeating: 0, count: 14)),
      ("64:ff9b::192.0.2.33", [0, 0x64, 0xff, 0x9b] + [UInt8](repeating: 0, count: 8) + [192, 0, 2, 33]),
      ("1:2:3:4:5:6:7::", [0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7, 0, 0]),
    ]
    for (text, bytes) in equal { #expect(ClientAddress(text)?.bytes == bytes, "\(text)") }
    for text in [
      "", "1", "1.2.3", "1.2.3.4.5", "1.2.3.256", "01.2.3.4", "1.2.3.4 ", "1.2.3.+4", ":", ":::", "1::2::3", "1:2",
      "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7:8::", "::1:2:3:4:5:6:7:8", "12345::", "g::", "1:2:3:4:5:6:1.2.3", "::1%eth0",
      "[::1]", "::1:", ":1::", "::1.2.3.4.5", "１::", "+1::",
      String(repeating: "1", count: 60),
    ] {
      #expect(ClientAddress(text) == nil, "\(text)")
    }
    #expect(ClientAddress("2001:db8:0:1:ffff::1")!.network == ClientAddress("2001:db8:0:1::")!.network)
    #expect(ClientAddress("2001:db8:0:2::1")!.network != ClientAddress("2001:db8:0:1::1")!.network)
    #expect(ClientAddress("192.0.2.1")!.network != ClientAddress("192.0.2.2")!.network)
    #expect(["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"].allSatisfy { ClientAddress($0)!.isLoopback })
    #expect(["128.0.0.1", "::", "::2", "1::1"].allSatisfy { !ClientAddress($0)!.isLoopback })
  }

  /// [limits.4]
  @Test func rangesHoldWhatTheySay() throws {
    func holds(_ range: String, _ address: String) -> Bool? {
      AddressRange(range).map { $0.contains(ClientAddress(address)!) }
    }
    #expect(holds("10.0.0.0/8", "10.255.1.2") == true && holds("10.0.0.0/8", "11.0.0.0") == false)
    #expect(holds("10.1.128.0/17", "10.1.128.1") == true && holds("10.1.128.0/17", "10.1.127.1") == false)
    #expect(holds("10.0.0.1", "10.0.0.1") == true && holds("10.0.0.1", "10.0.0.2") == false)
    #expect(holds("0.0.0.0/0", "10.0.0.1") == true && holds("0.0.0.0/0", "::1") == false)
    #expect(holds("2001:db8::/33", "2001:db8:7fff::1") == true && holds("2001:db8::/33", "2001:db8:8000::1") == false)
    for bad in ["10.0.0.1/8", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "/8", "", "2001:db8::1/64", "10.0.0.0/8/8"] {
      #expect(AddressRange(bad) == nil, "\(bad)")
    }
  }

  private func proxies(_ ranges: [String], _ header: TrustedProxies.Header = .xForwardedFor) -> TrustedProxies {
    var proxies = TrustedProxies()
    proxies.ranges = ranges.map { AddressRange($0)! }
    proxies.header = header
    return proxies
  }

  /// What stands left of the first address that is not trusted was written by the client. [limits.4]
  @Test func aForwardedListIsBelievedFromItsRightEnd() {
    let proxies = proxies(["10.0.0.0/8", "2001:db8::/64"])
    func client(_ lines: String..., peer: String = "10.0.0.1") -> ClientAddress {
      proxies.client(peer: ClientAddress(peer)!, lines: lines)
    }
    func address(_ text: String) -> ClientAddress { ClientAddress(text)! }
    #expect(client("192.0.2.1") == address("192.0.2.1"))
    #expect(client("203.0.113.9, 192.0.2.1") == address("192.0.2.1"), "forged on the left")
    #expect(client("203.0.113.9,192.0.2.1\t, 10.0.0.2") == address("192.0.2.1"))
    #expect(client("203.0.113.9", "192.0.2.1", "10.0.0.2") == address("192.0.2.1"), "several lines are one list")
    #expect(client("10.0.0.9, 10.0.0.2") == address("10.0.0.9"), "all trusted: the first of them")
    #expect(client("192.0.2.1", peer: "192.0.2.77") == address("192.0.2.77"), "nobody trusts the peer")
    #expect(client() == address("10.0.0.1") && client("") == address("10.0.0.1"))
    #expect(client("192.0.2.1, unknown, 10.0.0.2") == address("10.0.0.2"), "no address ends the search")
    #expect(client("192.0.2.1:4711") == address("192.0.2.1") && client("[2001:db8:1::1]:1") == address("2001:db8:1::1"))
    #expect(client("2001:db8:1::1") == address("2001:db8:1::1"))
    #expect(client("192.0.2.1:x") == address("10.0.0.1") && client("[2001:db8:1::1]x") == address("10.0.0.1"))
    #expect(client(String(repeating: "10.0.0.2,", count: 4_000) + "192.0.2.1") == address("192.0.2.1"))
    let long = "192.0.2.1," + Array(repeating: "10.0.0.2", count: 40).joined(separator: ",")
    #expect(client(long) == address("10.0.0.2"), "no more hops than a limit are looked at")
  }

  /// [limits.4]
  @Test func theStandardHeaderIsReadToo() {
    let proxies = proxies(["10.0.0.0/8"], .forwarded)
    func client(_ lines: String...) -> String? {
      let found = proxies.client(peer: ClientAddress("10.0.0.1")!, lines: lines)
      return ["192.0.2.1", "2001:db8::1", "10.0.0.1", "10.0.0.2"].first { ClientAddress($0) == found }
    }
    #expect(client("for=192.0.2.1;proto=http;by=10.0.0.1") == "192.0.2.1")
    #expect(client("proto=https; For=\"192.0.2.1:99\"") == "192.0.2.1")
    #expect(client("for=9.9.9.9, for=\"[2001:db8::1]:4711\"") == "2001:db8::1")
    #expect(client("for=9.9.9.9;x=\"a,for=8.8.8.8;\", for=192.0.2.1") == "192.0.2.1")
    #expect(client("for=\"9.9.9.9,for=192.0.2.1") == "10.0.0.1", "an open quote is no address")
    #expect(
      client("for=_hidden") == "10.0.0.1" && client("192.0.2.1") == "10.0.0.1" && client("by=192.0.2.1") == "10.0.0.1")
    #expect(client("for=192.0.2.1, for=10.0.0.2") == "192.0.2.1")
  }

  /// So many at once, and then one in a time that may be short.
  @Test func ratesAreWrittenInOneWay() {
    for (text, microseconds) in [
      ("7/6", 6_000_000), ("5/0.002", 2_000), ("1000000/86400", 86_400_000_000), ("1/0.000001", 1),
      ("3/1.5", 1_500_000), ("2/10", 10_000_000),
    ] as [(String, Int64)] {
      let rate = ClientRate(text)
      #expect(rate?.bucket.interval == microseconds && rate?.description == text, "\(text)")
    }
    #expect(ClientRate("30000/0.002") == RelayLimits.clientRequests && ClientRate("6/0.50")?.description == "6/0.5")
    for text in [
      "", "5", "5/", "/5", "5/0", "0/1", "5/0.0", "5/.5", "5/5.", "5/0.0000001", "5/1.2.3", "5/1e3", "5/-1", "5/0.-1",
      "5/0.+1", "5/86400.1", "1000001/1", "5/00.5", "5 per 4", "5 / 4", "5/4/3", "5/99999999999999999999",
    ] {
      #expect(ClientRate(text) == nil, "\(text)")
    }
  }

  /// A clock that was set back an hour must not refuse everybody for an hour.
  @Test func aBucketForgivesAClockThatWasSetBack() {
    let rate = TokenBucket.Rate(burst: 2, secondsPerToken: 10)
    var bucket = TokenBucket(now: 10_000)
    #expect(bucket.take(rate, now: 10_000) == nil)
    #expect(bucket.take(rate, now: 10_000) == nil)
    let past: Int64 = 10_000 - 3_600
    #expect(bucket.take(rate, now: past) == 10)
    #expect(bucket.take(rate, now: past + 9) == 1)
    #expect(bucket.take(rate, now: past + 10) == nil)
    var many = TokenBucket(now: 0)
    let (three, two, again) = (
      many.take(rate, now: 0, count: 3), many.take(rate, now: 0, count: 2), many.take(rate, now: 0, count: 2)
    )
    #expect(three != nil && two == nil && again == 20)
  }

  // MARK: The shell

  /// A clock in microseconds.
  private final class Uptime: Sendable {
    private let clock = TestClock()
    init() { clock.set(0) }
    var now: Int64 { clock.now }
    func advance(seconds: Int64) { clock.advance(seconds * 1_000_000) }
  }

  private func limits(
    _ uptime: Uptime = Uptime(), files: Int = 10_000, _ change: (inout ClientSettings) -> Void
  ) -> ClientLimits {
    var settings = ClientSettings()
    change(&settings)
    return ClientLimits(settings, files: files) { uptime.now }
  }

  private func remote(_ address: String) -> SocketAddress { try! SocketAddress(ipAddress: address, port: 4711) }

  /// [limits.1] [limits.2]
  @Test func budgetsAreApartAndComeBack() throws {
    let uptime = Uptime()
    let limits = limits(uptime) {
      $0.requests = ClientRate("3/10")!
      $0.signedRequests = ClientRate("2/15")!
      $0.failedSignatures = ClientRate("1/30")!
    }
    func client(_ address: String) -> ClientLimits.Client? { limits.open(from: remote(address))?.client { _ in [] } }
    let (one, other) = (client("192.0.2.1"), client("192.0.2.2"))
    #expect(one != nil && other != nil && one != other)
    for _ in 1...3 { try limits.admit(.requests, one) }
    for _ in 1...2 { try limits.admit(.signedRequests, one) }
    try limits.admit(.failedSignatures, one)
    #expect(throws: Refusal(.tooManyRequests, retryAfter: 10)) { try limits.admit(.requests, one) }
    #expect(throws: Refusal(.tooManyRequests, retryAfter: 15)) { try limits.admit(.signedRequests, one) }
    #expect(throws: Refusal(.tooManyRequests, retryAfter: 30)) { try limits.admit(.failedSignatures, one) }
    #expect(throws: Refusal.self) { try limits.admit(.requests, client("192.0.2.1")) }
    try limits.admit(.requests, other, count: 3)
    uptime.advance(seconds: 10)
    try limits.admit(.requests, one)
    #expect(throws: Refusal.self) { try limits.admit(.requests, one) }
    // One /64 is one client, and this machine is none.
    #expect(client("2001:db8::1") == client("2001:db8::ffff:2") && client("2001:db8:0:1::1") != client("2001:db8::1"))
    #expect(client("127.0.0.1") == nil && client("::1") == nil)
    for _ in 1...9 { try limits.admit(.failedSignatures, nil) }
    // What is remembered is worth nothing elsewhere: another process hashes otherwise.
    let second = self.limits { _ in }
    #expect(second.open(from: remote("192.0.2.1"))?.client { _ in [] } != one)
  }

  /// What changes holds from then on; what is held and spent stays so. [operation.2]
  @Test func limitsChangeWhileTheyHold() throws {
    let limits = limits { $0.requests = ClientRate("3/10")! }
    let connection = try #require(limits.open(from: remote("192.0.2.1")))
    let client = connection.client { _ in [] }
    try limits.admit(.requests, client, count: 3)
    var settings = ClientSettings()
    settings.requests = ClientRate("4/10")!
    settings.maxConnectionsPerClient = 1
    settings.proxies.ranges = [AddressRange("192.0.2.0/24")!]
    limits.take(settings)
    try limits.admit(.requests, client)
    #expect(throws: Refusal(.tooManyRequests, retryAfter: 10)) { try limits.admit(.requests, client) }
    let proxy = try #require(limits.open(from: remote("192.0.2.1")))
    #expect(proxy.isProxy && !connection.isProxy)
    limits.take(ClientSettings())
    limits.close(proxy)
    limits.close(connection)
    settings.proxies.ranges = []
    limits.take(settings)
    #expect(limits.open(from: remote("192.0.2.1")) != nil && limits.open(from: remote("192.0.2.1")) == nil)
  }

  /// [limits.3]
  @Test func connectionsAreCountedAndGivenBack() throws {
    let limits = limits(files: RelayLimits.spareFiles + 5) {
      $0.maxConnectionsPerClient = 2
      $0.connections = ClientRate("4/10")!
    }
    let open = (1...2).compactMap { _ in limits.open(from: remote("192.0.2.1")) }
    #expect(open.count == 2 && limits.open(from: remote("192.0.2.1")) == nil, "two at a time")
    let others = (1...3).compactMap { limits.open(from: remote("192.0.2.\($0 + 1)")) }
    #expect(others.count == 3 && limits.open(from: remote("127.0.0.1")) == nil, "the files are used up")
    limits.close(open[0])
    limits.close(others[0])
    let third = try #require(limits.open(from: remote("192.0.2.1")))
    limits.close(third)
    let fourth = try #require(limits.open(from: remote("192.0.2.1")))
    limits.close(fourth)
    #expect(limits.open(from: remote("192.0.2.1")) == nil, "four in a while, however short")
    #expect(limits.open(from: remote("192.0.2.9")) != nil)
  }

  /// [limits.4]
  @Test func aTrustedProxyAsksForOthers() throws {
    let limits = limits {
      $0.proxies.ranges = [AddressRange("10.0.0.0/8")!]
      $0.maxConnectionsPerClient = 1
    }
    let proxy = try #require(limits.open(from: remote("10.0.0.1")))
    let again = try #require(limits.open(from: remote("10.0.0.1")))
    #expect(proxy.isProxy && again.isProxy)
    func header(_ value: String) -> (String) -> [String] { { $0 == "x-forwarded-for" ? [value] : ["7.7.7.7"] } }
    let direct = try #require(limits.open(from: remote("192.0.2.1")))
    let client = proxy.client(header("9.9.9.9, 192.0.2.1"))
    #expect(client != nil && client == direct.client { _ in ["8.8.8.8"] }, "a forged header changes nothing")
    #expect(throws: Refusal.self) { try limits.openSocket(client) }
    limits.close(direct)
    try limits.openSocket(client)
    #expect(throws: Refusal.self) { try limits.openSocket(client) }
    limits.closeSocket(client)
    try limits.openSocket(client)
  }

  /// The table is bounded, and a flood of addresses does not give a spent budget back. [limits.1]
  @Test func aFloodOfAddressesForgivesNobody() throws {
    let limits = limits { $0.requests = ClientRate("5/17280")! }
    func client(_ number: Int) -> ClientLimits.Client? {
      let address = "10.\(number >> 16).\(number >> 8 & 255).\(number & 255)"
      guard let connection = limits.open(from: remote(address)) else { return nil }
      defer { limits.close(connection) }
      return connection.client { _ in [] }
    }
    let culprit = client(0)
    for _ in 1...5 { try limits.admit(.requests, culprit) }
    for number in 1...(RelayLimits.clients + 100) { try limits.admit(.requests, client(number)) }
    #expect(throws: Refusal.self) { try limits.admit(.requests, culprit) }
    #expect(limits.remembered <= RelayLimits.clients)
  }

  // MARK: Patience

  /// [limits.5]
  @Test func patienceEnds() {
    let second: Int64 = 1_000_000
    var patience = Patience()
    #expect(patience.connected(now: 0) == 15 * second)
    #expect(patience.alarm(now: 15 * second - 1) == .until(15 * second) && patience.alarm(now: 15 * second) == .over)
    #expect(patience.head(now: second) == 31 * second)
    patience.body(2_048, now: 10 * second)
    #expect(patience.alarm(now: 31 * second) == .until(33 * second) && patience.alarm(now: 33 * second) == .over)
    // A large body does not earn a pause.
    patience.body(100 << 20, now: 32 * second)
    #expect(patience.alarm(now: 33 * second) == .until(62 * second) && patience.alarm(now: 62 * second) == .over)
    #expect(patience.end() == nil && patience.alarm(now: 1_000 * second) == .until(nil))
    #expect(patience.readComplete(now: 40 * second) == nil, "a whole request was in what was read")
    #expect(patience.readComplete(now: 41 * second) == 56 * second, "bytes, and no head")
    #expect(patience.readComplete(now: 50 * second) == nil, "another byte buys no time")
    #expect(patience.alarm(now: 56 * second) == .over)
  }

  /// [limits.5]
  @Test func idlingEnds() {
    let second: Int64 = 1_000_000
    var patience = Patience()
    _ = patience.head(now: 0)
    #expect(patience.answered(now: second) == nil, "a refusal came before the body")
    #expect(patience.alarm(now: 29 * second) == .until(30 * second), "the body is still waited for")
    #expect(patience.end() == nil && patience.alarm(now: 1_000 * second) == .until(nil), "an answer takes its time")
    #expect(patience.answered(now: 2 * second) == 77 * second)
    #expect(patience.alarm(now: 77 * second - 1) == .until(77 * second) && patience.alarm(now: 77 * second) == .over)
    _ = patience.readComplete(now: 3 * second)
    #expect(patience.readComplete(now: 4 * second) == 19 * second, "the next head")
    #expect(patience.answered(now: 5 * second) == nil, "that is no idling")
  }
}
