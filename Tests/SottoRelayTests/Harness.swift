import AsyncHTTPClient
import Foundation
import Logging
import NIOCore
import NIOFoundationCompat
import NIOHTTP1
import NIOPosix
import ServiceLifecycle
import SottoCrypto
import SottoRelay
import SottoWire
import Synchronization
import Testing

#if Fleet
  import SottoRelayFleet

  private let adapters = Adapters(database: PostgreSQL(), bus: RabbitMQ())
#else
  private let adapters = Adapters()
#endif

/// A clock that a test sets, and one beside it that only goes forward: where the first is set, or goes back, it stands still.
final class TestClock: Sendable {
  private let seconds = Mutex<Int64>(1_700_000_000)
  private let steady = Mutex(ContinuousClock.now)
  var now: Int64 { seconds.withLock { $0 } }
  var steadyNow: ContinuousClock.Instant { steady.withLock { $0 } }
  func set(_ now: Int64) { seconds.withLock { $0 = now } }

  func advance(_ by: Int64) {
    seconds.withLock { $0 += by }
    if by > 0 { steady.withLock { $0 += .seconds(by) } }
  }
}

/// A temporary folder that goes with its owner.
final class Folder: Sendable {
  let path: String

  init() {
    path = FileManager.default.temporaryDirectory.appending(path: "sotto-relay-test-\(UUID())").path
    try! FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }
}

/// A real relay on a loopback port, in this process.
final class TestRelay: Sendable {
  let folder: Folder
  let clock: TestClock
  let authority: RelayAuthority
  let lines: Lines
  /// Not kept alive: a relay that has stopped gives its folder back.
  weak let relay: Relay?
  private let group: ServiceGroup
  private let running: Task<Void, any Error>

  /// What the relay wrote to its log.
  final class Lines: Sendable {
    private let lines = Mutex<[(text: String, moment: ContinuousClock.Instant)]>([])
    func add(_ line: String) { lines.withLock { $0.append((line, .now)) } }
    var all: [String] { lines.withLock { $0.map(\.text) } }

    /// When it wrote the first line with these words.
    func moment(of words: String) -> ContinuousClock.Instant? {
      lines.withLock { $0.first { $0.text.contains(words) }?.moment }
    }
  }

  static func start(
    in folder: Folder = Folder(), clock: TestClock = TestClock(), bus: (any BusConnector)? = nil,
    _ configure: (inout RelayConfiguration) -> Void = { _ in }
  ) async throws -> TestRelay {
    let lines = Lines()
    var configuration = RelayConfiguration(dataDirectory: folder.path)
    configuration.listen.port = 0
    configuration.now = { clock.now }
    configuration.steadyNow = { clock.steadyNow }
    configure(&configuration)
    var logger = Logger(label: "test") { _ in JSONLogHandler { lines.add($0) } }
    logger.logLevel = .trace
    let (urls, found) = AsyncStream.makeStream(of: String.self)
    let used = Adapters(database: adapters.database, bus: bus ?? adapters.bus)
    let relay = try Relay(configuration, used, logger: logger) { found.yield($0) }
    let group = ServiceGroup(
      configuration: .init(
        services: [.init(service: relay)], logger: Logger(label: "silent") { _ in SwiftLogNoOpLogHandler() }))
    let running = Task {
      defer { found.finish() }
      try await group.run()
    }
    var iterator = urls.makeAsyncIterator()
    guard let url = await iterator.next() else {
      try await running.value
      throw CancellationError()
    }
    let authority = try #require(RelayAuthority(url.drop { $0 != "/" }.dropFirst(2)))
    return TestRelay(folder, clock, authority, lines, relay, group, running)
  }

  private init(
    _ folder: Folder, _ clock: TestClock, _ authority: RelayAuthority, _ lines: Lines, _ relay: Relay,
    _ group: ServiceGroup, _ running: Task<Void, any Error>
  ) {
    (self.folder, self.clock, self.authority, self.lines, self.relay, self.group, self.running) =
      (folder, clock, authority, lines, relay, group, running)
  }

  func stop() async throws {
    await group.triggerGracefulShutdown()
    try await running.value
  }
}

/// Runs `body` with a relay, and stops it.
func withRelay<T>(
  in folder: Folder = Folder(), authorities: Set<RelayAuthority> = [], _ body: (TestRelay) async throws -> T
) async throws -> T {
  let relay = try await TestRelay.start(in: folder) { $0.authorities = authorities }
  do {
    let value = try await body(relay)
    try await relay.stop()
    return value
  } catch {
    try? await relay.stop()
    throw error
  }
}

/// What came back.
struct Answer: Equatable {
  let status: Int
  let fields: [HeaderField]
  let body: [UInt8]

  var problem: Problem? { Problem(document: String(decoding: body, as: UTF8.self)) }
  func field(_ name: String) -> String? { fields.first { $0.name == name }?.value }
}

extension TestRelay {
  /// Any request, as it stands.
  func send(_ method: String, _ path: String, _ fields: [HeaderField] = [], body: [UInt8] = []) async throws -> Answer {
    var request = HTTPClientRequest(url: authority.origin + path)
    request.method = .init(rawValue: method)
    for field in fields { request.headers.add(name: field.name, value: field.value) }
    if !body.isEmpty { request.body = .bytes(ByteBuffer(bytes: body)) }
    let response = try await HTTPClient.shared.execute(request, timeout: .seconds(120))
    let answer = try await response.body.collect(upTo: 64 << 20)
    return Answer(
      status: Int(response.status.code),
      fields: response.headers.map { HeaderField($0.name.lowercased(), $0.value) },
      body: Array(answer.readableBytesView))
  }

  /// The first line of the answer to bytes that no HTTP library would send, and the problem in it.
  func raw(_ bytes: String) async throws -> (line: String, problem: Problem?) {
    let socket = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .connect(host: authority.host, port: authority.port) { channel in
        channel.eventLoop.makeCompletedFuture {
          try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
        }
      }
    return try await socket.executeThenClose { inbound, outbound in
      try await outbound.write(ByteBuffer(string: bytes))
      var answer = ""
      for try await part in inbound {
        answer += String(buffer: part)
        // A problem's document may come after its head.
        if answer.hasSuffix("}") || answer.hasSuffix("content-length: 0\r\n\r\n") { break }
      }
      return (String(answer.prefix { $0 != "\r\n" }), Problem(document: answer))
    }
  }

  /// An owner's request.
  func owner(
    _ key: borrowing SigningKey, _ method: SottoWire.HTTPMethod, _ route: Route, body: [UInt8] = [],
    sequence: UInt64? = nil,
    listSequence: UInt64? = nil, condition: CardCondition? = nil, token: RegistrationToken? = nil,
    created: Int64? = nil
  ) async throws -> Answer {
    let request = OwnerRequest(
      method, route, at: authority, body: body, sequence: sequence, listSequence: listSequence, condition: condition,
      token: token)
    let fields = request.headers(signedBy: key, created: created ?? clock.now)
    return try await send(method.rawValue, route.path, fields, body: body)
  }

  /// A sender's request.
  func sender(_ method: SottoWire.HTTPMethod, _ route: Route, _ capability: Capability, body: [UInt8] = []) async throws
    -> Answer
  {
    try await send(method.rawValue, route.path, [HeaderField(HeaderName.capability, capability.text)], body: body)
  }
}

/// A key, its mailbox, and capabilities that are known from its seed.
struct Owner: ~Copyable {
  let key: SigningKey
  let mailbox: MailboxID
  let contact: Capability
  let knock: Capability

  init(_ seed: UInt8) {
    key = try! SigningKey(seed: Secret(copying: [UInt8](repeating: seed, count: 32)))
    mailbox = MailboxID(owner: key.publicKey)
    contact = try! Capability([UInt8](repeating: seed ^ 0x55, count: 32))
    knock = try! Capability([UInt8](repeating: seed ^ 0xaa, count: 32))
  }

  var capabilities: CapabilitySet {
    get throws { try CapabilitySet([CapabilitySlot(.contact, contact.hash), CapabilitySlot(.knock, knock.hash)]) }
  }

  /// Creates the mailbox and opens it to contacts and strangers; sequences 1 and 2.
  func register(at relay: TestRelay, token: RegistrationToken? = nil) async throws {
    #expect(try await relay.owner(key, .put, .mailbox(mailbox), sequence: 1, token: token).status == 204)
    let set = try capabilities.encoded
    #expect(try await relay.owner(key, .put, .capabilities(mailbox), body: set, sequence: 2).status == 204)
  }

  func status(at relay: TestRelay) async throws -> MailboxStatus {
    try MailboxStatus(decoding: try await relay.owner(key, .get, .mailbox(mailbox)).body)
  }
}

func envelopeID(_ number: Int) -> EnvelopeID {
  try! EnvelopeID((0..<16).map { $0 < 8 ? 0xee : UInt8(truncatingIfNeeded: number >> (8 * (15 - $0))) })
}

func envelope(_ number: Int, size: SizeClass = .b512) -> [UInt8] {
  [UInt8](repeating: UInt8(truncatingIfNeeded: number), count: size.rawValue)
}

extension Arrival {
  init(mailbox: MailboxID, id: EnvelopeID, capability: Digest, bytes: [UInt8]) {
    self.init(mailbox: mailbox, id: id, capability: capability, bytes: bytes[...])
  }

  init(mailbox: MailboxID, id: EnvelopeID, capability: DigestNumbers, bytes: [UInt8]) {
    self.init(mailbox: mailbox, id: id, capability: capability, bytes: bytes[...])
  }
}

extension TestRelay {
  /// A sample of its metrics, which it may begin to serve a little later than everything else.
  func metric(_ sample: String) async throws -> Int {
    func serving() -> String? { lines.all.first { $0.contains("serving metrics") } }
    try await until { serving() != nil }
    let line = try #require(serving())
    let port = try #require(line.firstMatch(of: /"port":([0-9]+)/)).1
    let answer = try await HTTPClient.shared.execute(
      HTTPClientRequest(url: "http://127.0.0.1:\(port)/metrics"), timeout: .seconds(60))
    let text = String(buffer: try await answer.body.collect(upTo: 1 << 20))
    let found = try #require(text.split(separator: "\n").first { $0.hasPrefix(sample + " ") })
    return try #require(Int(found.dropFirst(sample.count + 1)))
  }
}

/// What becomes of arrivals that come together.
func submit(_ arrivals: [Arrival], to store: any RelayStore, now: Int64 = 1_700_000_000) async -> [Acceptance] {
  await withCheckedContinuation { continuation in
    store.submit(arrivals, now: now) { _, _ in
    } done: {
      continuation.resume(returning: $0)
    }
  }
}
