import Foundation
import SottoCrypto
import SottoSimulation
import SottoWire
import Testing

/// A client that sends whatever bytes it likes and sees every byte of the answer. Calls block, so they are made from
/// threads of their own: `onThread`.
struct RelayClient: Sendable {
  let port: Int
  var host: UInt8?

  init(_ relay: RelayProcess, from host: UInt8? = nil) { (port, self.host) = (relay.port, host) }

  var authority: RelayAuthority { RelayAuthority("127.0.0.1:\(port)")! }

  func connect(window: Int32? = nil, patience: Int = 60) throws -> Socket {
    guard let socket = Socket.connected(to: port, from: host, window: window, patience: patience) else {
      throw NoAnswer()
    }
    return socket
  }

  /// Everything that comes back until the relay closes; nil if it did not within `patience` seconds.
  func raw(_ bytes: [UInt8], patience: Int = 60) throws -> [UInt8]? {
    let socket = try connect(patience: patience)
    socket.write(bytes)
    let started = Date.now
    let answer = socket.readToEnd()
    return Date.now.timeIntervalSince(started) < Double(patience) - 0.1 ? answer : nil
  }

  func raw(_ text: String, patience: Int = 60) throws -> String? {
    try raw(Array(text.utf8), patience: patience).map { String(decoding: $0, as: UTF8.self) }
  }

  /// The bytes of a request as it should be.
  func bytes(_ method: String, _ path: String, _ fields: [HeaderField] = [], body: [UInt8] = []) -> [UInt8] {
    var head = "\(method) \(path) HTTP/1.1\r\nhost: \(authority.text)\r\ncontent-length: \(body.count)\r\n"
    for field in fields { head += "\(field.name): \(field.value)\r\n" }
    return Array((head + "\r\n").utf8) + body
  }

  /// One request on a connection of its own.
  func send(_ method: String, _ path: String, _ fields: [HeaderField] = [], body: [UInt8] = []) throws -> RelayAnswer {
    try RelayAnswer(send(bytes(method, path, fields, body: body), on: try connect()))
  }

  /// The next answer on a connection.
  func send(_ bytes: [UInt8], on socket: Socket) throws -> HTTPMessage {
    socket.write(bytes)
    guard let message = HTTPMessage(from: socket) else { throw NoAnswer() }
    return message
  }

  struct NoAnswer: Error {}

  func sender(_ method: SottoWire.HTTPMethod, _ route: Route, _ capability: Capability, body: [UInt8] = []) throws
    -> RelayAnswer
  {
    try send(method.rawValue, route.path, [HeaderField(HeaderName.capability, capability.text)], body: body)
  }

  /// PUT or PATCH of an upload, with what else it needs.
  func upload(
    _ method: SottoWire.HTTPMethod, _ route: Route, _ capability: Capability, _ number: Int, body: [UInt8] = []
  ) throws -> RelayAnswer {
    let name = method == .put ? HeaderName.uploadLength : HeaderName.uploadOffset
    let fields = [HeaderField(HeaderName.capability, capability.text), HeaderField(name, String(number))]
    return try send(method.rawValue, route.path, fields, body: body)
  }

  func owner(
    _ key: borrowing SigningKey, _ method: SottoWire.HTTPMethod, _ route: Route, body: [UInt8] = [],
    sequence: UInt64? = nil, listSequence: UInt64? = nil, condition: CardCondition? = nil, created: Int64? = nil
  ) throws -> RelayAnswer {
    let request = OwnerRequest(
      method, route, at: authority, body: body, sequence: sequence, listSequence: listSequence, condition: condition)
    let fields = request.headers(signedBy: key, created: created ?? Self.now)
    return try send(method.rawValue, route.path, fields, body: body)
  }

  static var now: Int64 { Int64(Date.now.timeIntervalSince1970) }
}

/// What came back, byte for byte.
struct RelayAnswer: Equatable {
  let head: String
  let body: [UInt8]

  init(_ message: HTTPMessage) { (head, body) = (message.head, message.body) }

  var status: Int { Int(head.dropFirst("HTTP/1.1 ".count).prefix(3)) ?? 0 }
  var problem: Problem? { Problem(document: String(decoding: body, as: UTF8.self)) }

  func field(_ name: String) -> String? {
    for line in head.split(separator: "\r\n").dropFirst() where line.lowercased().hasPrefix(name + ":") {
      return line.dropFirst(name.count + 1).trimmingCharacters(in: .whitespaces)
    }
    return nil
  }
}

/// Somebody who owns a mailbox and a card at a relay.
final class MailboxOwner: Sendable {
  let key: SigningKey
  let mailbox: MailboxID
  let card: CardID
  let knock: Capability
  let contact: Capability
  let retiring: Capability
  /// Registered, and past its time.
  let expired: Capability
  /// Registered once, and no more.
  let revoked: Capability

  init(_ seed: UInt8) throws {
    key = try SigningKey(seed: Secret(copying: [UInt8](repeating: seed, count: 32)))
    mailbox = MailboxID(owner: key.publicKey)
    card = try CardID([UInt8](repeating: seed ^ 0x11, count: 16))
    func capability(_ mark: UInt8) throws -> Capability {
      try Capability(Digest.of("test capability", [seed, mark]).bytes)
    }
    (knock, contact, retiring) = (try capability(1), try capability(2), try capability(3))
    (expired, revoked) = (try capability(4), try capability(5))
  }

  /// Sequences 1 to 6: everything that a mailbox can have, and `parts` one-time parts.
  func register(at client: RelayClient, parts: Int = 4, withCard: Bool = true) throws {
    let former = try CapabilitySet([CapabilitySlot(.contact, revoked.hash)]).encoded
    let now = UInt64(RelayClient.now)
    let set = try CapabilitySet([
      CapabilitySlot(.knock, knock.hash), CapabilitySlot(.contact, contact.hash),
      CapabilitySlot(.retiring, retiring.hash, expires: now + 3_600),
      CapabilitySlot(.retiring, expired.hash, expires: now - 10),
    ]).encoded
    func put(_ route: Route, _ body: [UInt8], _ sequence: UInt64) throws {
      #expect(try client.owner(key, .put, route, body: body, sequence: sequence).status == 204, "\(route)")
    }
    try put(.mailbox(mailbox), [], 1)
    try put(.capabilities(mailbox), former, 2)
    try put(.capabilities(mailbox), set, 3)
    try put(.signedPart(mailbox), SignedPartUpload(id: 1, sealed: [1, 2, 3]).encoded, 4)
    if parts > 0 { try put(.batch(mailbox, 1), try Self.batch(parts), 5) }
    guard withCard else { return }
    let created = try client.owner(
      key, .put, .card(card), body: [7, 7, 7], sequence: 6, listSequence: 1, condition: .absent)
    #expect(created.status == 204)
  }

  static func batch(_ count: Int) throws -> [UInt8] {
    try OneTimeUpload((0..<count).map { OneTimePart(index: UInt32($0), sealed: [UInt8($0 >> 8), UInt8($0 & 255)]) })
      .encoded
  }

  func status(at client: RelayClient) throws -> MailboxStatus {
    try MailboxStatus(decoding: try client.owner(key, .get, .mailbox(mailbox)).body)
  }
}

func blobID(_ number: UInt8) throws -> BlobID { try BlobID([UInt8](repeating: number, count: 16)) }

func envelopeID(_ number: Int) throws -> EnvelopeID {
  try EnvelopeID((0..<16).map { $0 < 8 ? 0xee : UInt8(truncatingIfNeeded: number >> (8 * (15 - $0))) })
}

/// Runs `body` on `count` threads at once; what each answered, in no order.
func onThreads<T: Sendable>(_ count: Int, _ body: @escaping @Sendable (Int) throws -> T) async throws -> [T] {
  try await withThrowingTaskGroup(of: T.self) { group in
    for number in 0..<count { group.addTask { try await onThread { try body(number) } } }
    return try await group.reduce(into: []) { $0.append($1) }
  }
}

/// Long runs are asked for: `SOTTO_SOAK=1`.
let isSoak = ProcessInfo.processInfo.environment["SOTTO_SOAK"] == "1"

/// Bytes of everything that the relay keeps, by file: equal before and after means that nothing was stored.
func storedBytes(_ relay: RelayProcess) throws -> [String: Data] {
  relay.waitForSweep()
  let names = try FileManager.default.subpathsOfDirectory(atPath: relay.data)
  var isFolder: ObjCBool = false
  // The index of the write-ahead log holds locks, no data.
  return try Dictionary(
    uniqueKeysWithValues: names.filter {
      !$0.hasSuffix("-shm") && FileManager.default.fileExists(atPath: relay.data + "/" + $0, isDirectory: &isFolder)
        && !isFolder.boolValue
    }
    .map { ($0, try Data(contentsOf: URL(filePath: relay.data + "/" + $0))) })
}

extension Data {
  /// Whether the bytes are in it. Quick also without optimisation: whole stores are searched for many values.
  func holds(_ bytes: [UInt8]) -> Bool {
    withUnsafeBytes { content in
      bytes.withUnsafeBytes { wanted in
        var offset = 0
        while offset + wanted.count <= content.count {
          let rest = content.baseAddress! + offset
          guard let found = memchr(rest, Int32(wanted[0]), content.count - wanted.count - offset + 1) else {
            return false
          }
          if memcmp(found, wanted.baseAddress!, wanted.count) == 0 { return true }
          offset = found - UnsafeMutableRawPointer(mutating: content.baseAddress!) + 1
        }
        return false
      }
    }
  }
}
