import Foundation
import SottoCrypto
import SottoWire
import Testing

/// Attachments at a real relay that is killed, stopped or out of room while they arrive.
@Suite struct BlobProcessTests {
  private static let length = 12 << 20

  /// SIGKILL in the middle, at the end, and in whatever the relay does after the last byte. [blob.6]
  @Test(arguments: [0, 1 << 20, 9 << 20, 11 << 20])
  func `A relay that is killed while a blob arrives shows nothing of it, and goes on where it was`(
    sent: Int
  ) async throws {
    let folder = try TemporaryFolder()
    let relay = try await RelayProcess(data: folder.file("relay"))
    let sender = try await BlobSender(relay)
    let bytes = BlobSender.bytes(Self.length)
    #expect(try await sender.claim(bytes.count) == .init(status: 204, offset: 0))
    let socket = try await sender.begin(bytes[..<sent], at: 0, declared: bytes.count)
    while sent > 0, sender.arriving != sent { try await Task.sleep(for: .milliseconds(5)) }
    relay.kill()
    socket.end()
    try await relay.start()
    #expect(try await sender.read().status == 404)
    let offset = try #require(try await sender.claim(bytes.count).offset)
    #expect(offset <= sent && offset >= sent - 4 << 20, "\(offset): no more than 4 MiB are sent again")
    #expect(try await sender.append(bytes[offset...], at: offset).status == 201)
    #expect(try await sender.read().body == bytes)
  }

  @Test func `A relay that is killed around the last byte has all of a blob or none of it`() async throws {
    let folder = try TemporaryFolder()
    let relay = try await RelayProcess(data: folder.file("relay"))
    let sender = try await BlobSender(relay)
    for round in 0..<6 as Range<UInt8> {
      let bytes = BlobSender.bytes(4 << 20, seed: round)
      let name = try BlobID([UInt8](repeating: round, count: 16))
      #expect(try await sender.claim(bytes.count, name).status == 204)
      let socket = try await sender.begin(bytes[...], at: 0, declared: bytes.count, name)
      try await Task.sleep(for: .milliseconds(4 * Int(round)))
      relay.kill()
      socket.end()
      try await relay.start()
      let read = try await sender.read(name)
      #expect(read.status == 404 || read.body == bytes, "round \(round)")
      let stands = try await sender.claim(bytes.count, name)
      #expect((stands.status == 201) == (read.status == 200), "round \(round)")
      if let offset = stands.offset, stands.status == 204 {
        #expect(try await sender.append(bytes[offset...], at: offset, name).status == 201)
      }
      #expect(try await sender.read(name).body == bytes)
    }
  }

  @Test func `SIGTERM does not wait for a blob, and loses none of it`() async throws {
    let folder = try TemporaryFolder()
    let relay = try await RelayProcess(data: folder.file("relay"))
    let sender = try await BlobSender(relay)
    let bytes = BlobSender.bytes(Self.length)
    _ = try await sender.claim(bytes.count)
    let socket = try await sender.begin(bytes[..<70_000], at: 0, declared: bytes.count)
    while sender.arriving != 70_000 { try await Task.sleep(for: .milliseconds(5)) }
    #expect(relay.stop() == 0)
    socket.end()
    try await relay.start()
    #expect(try await sender.claim(bytes.count) == .init(status: 204, offset: 70_000))
  }

  #if os(Linux)
    /// The system lets no file grow past 4 MiB, and then it does. [blob.4]
    @Test func `A full disk is said, takes nothing that was promised, and is over when there is room`() async throws {
      let folder = try TemporaryFolder()
      let relay = try await RelayProcess(data: folder.file("relay"))
      let sender = try await BlobSender(relay)
      let bytes = BlobSender.bytes(Self.length)
      _ = try await sender.claim(bytes.count)
      #expect(try await sender.append(bytes[..<3_000_000], at: 0) == .init(status: 204, offset: 3_000_000))
      try await Self.limitFiles(of: relay, to: "4194304")
      for _ in 1...2 {
        let offset = try #require(try await sender.claim(bytes.count).offset)
        #expect(offset >= 3_000_000 && offset <= 4 << 20)
        let full = try await sender.append(bytes[offset..<offset + 3_000_000], at: offset)
        #expect(full.status == 507 && Problem(document: String(decoding: full.body, as: UTF8.self)) == .storageFull)
      }
      #expect(try await sender.read().status == 404)
      try await Self.limitFiles(of: relay, to: "unlimited")
      let offset = try #require(try await sender.claim(bytes.count).offset)
      #expect(try await sender.append(bytes[offset...], at: offset).status == 201)
      #expect(try await sender.read().body == bytes)
    }

    /// Neither an upload nor readers that are faster than the network cost the relay what a blob is long. [blob.8]
    @Test func `Bytes pass through and do not pile up`() async throws {
      let folder = try TemporaryFolder()
      // How long the last reader waits is not what is looked at.
      let relay = try await RelayProcess(data: folder.file("relay"), settings: ["transfer-seconds": "3600"])
      let sender = try await BlobSender(relay)
      let bytes = BlobSender.bytes(32 << 20)
      _ = try await sender.claim(bytes.count)
      let before = try Self.mostMemory(of: relay)
      #expect(try await sender.append(bytes[...], at: 0).status == 201)
      // All but one at a time take what the sockets' buffers hold, and then nothing.
      let readers = try (1...16).map { _ in try sender.beginReading() }
      for reader in readers { #expect(await sender.drain(reader) > bytes.count) }
      let growth = try Self.mostMemory(of: relay) - before
      #expect(growth < 32 << 20, "\(growth)")
    }

    /// Bytes that a process ever had in memory at once.
    private static func mostMemory(of relay: RelayProcess) throws -> Int {
      let status = try String(contentsOfFile: "/proc/\(relay.pid)/status", encoding: .utf8)
      let line = try #require(status.firstMatch(of: /VmHWM:\s+(\d+) kB/))
      return try #require(Int(line.1)) * 1024
    }

    /// With the program of util-linux.
    private static func limitFiles(of relay: RelayProcess, to limit: String) async throws {
      let program = URL(filePath: "/usr/bin/prlimit")
      let outcome = try await run(program, ["--pid", String(relay.pid), "--fsize=\(limit):unlimited"])
      try #require(outcome.status == 0, "\(outcome)")
    }
  #endif
}

/// A mailbox at a relay, and someone who uploads to it, over plain sockets.
private final class BlobSender: Sendable {
  struct Answer: Equatable, Sendable {
    var status: Int
    var offset: Int?
    var body: [UInt8] = []
  }

  private let relay: RelayProcess
  private let mailbox: MailboxID
  private let contact = try! Capability([UInt8](repeating: 7, count: 32))
  private static let name = try! BlobID([UInt8](repeating: 0xb1, count: 16))

  /// Makes the mailbox, opened to contacts.
  init(_ relay: RelayProcess) async throws {
    self.relay = relay
    let key = try SigningKey(seed: Secret(copying: [UInt8](repeating: 1, count: 32)))
    mailbox = MailboxID(owner: key.publicKey)
    let authority = try #require(RelayAuthority("127.0.0.1:\(relay.port)"))
    let set = try CapabilitySet([CapabilitySlot(.contact, contact.hash)]).encoded
    for (sequence, route, body) in [(1, Route.mailbox(mailbox), []), (2, .capabilities(mailbox), set)] {
      let request = OwnerRequest(.put, route, at: authority, body: body, sequence: UInt64(sequence))
      let fields = request.headers(signedBy: key, created: Int64(Date.now.timeIntervalSince1970))
      #expect(try await ask("PUT", route.path, fields, body[...]).status == 204)
    }
  }

  static func bytes(_ length: Int, seed: UInt8 = 0) -> [UInt8] {
    let block = (0..<65_536).map { UInt8(truncatingIfNeeded: ($0 &* 0x9e37_79b9) >> 11) ^ seed }
    return (0..<length / 65_536).flatMap { number in block.map { $0 &+ UInt8(truncatingIfNeeded: number) } }
  }

  /// How long the one file is that arrives.
  var arriving: Int? {
    let folder = relay.data + "/blobs/arriving"
    let name = try? FileManager.default.contentsOfDirectory(atPath: folder).first
    return name.flatMap { try? FileManager.default.attributesOfItem(atPath: folder + "/" + $0)[.size] as? Int }
  }

  func claim(_ length: Int, _ name: BlobID = name) async throws -> Answer {
    try await ask("PUT", Route.upload(mailbox, name).path, fields(HeaderName.uploadLength, length))
  }

  func append(_ bytes: ArraySlice<UInt8>, at offset: Int, _ name: BlobID = name) async throws -> Answer {
    try await ask("PATCH", Route.upload(mailbox, name).path, fields(HeaderName.uploadOffset, offset), bytes)
  }

  func read(_ name: BlobID = name) async throws -> Answer { try await ask("GET", Route.blob(name).path) }

  /// Asks for the blob.
  func beginReading() throws -> Socket {
    let socket = try #require(Socket.connected(to: relay.port))
    socket.write(head("GET", Route.blob(Self.name).path, [HeaderField("connection", "close")]))
    return socket
  }

  /// Reads what comes and keeps nothing; the number of bytes, those of the head included.
  func drain(_ socket: Socket) async -> Int {
    await Self.blocking {
      var count = 0
      while true {
        let more = socket.read().count
        if more == 0 { return count }
        count += more
      }
    }
  }

  /// Sends the beginning of a PATCH, and waits for nothing.
  func begin(
    _ bytes: ArraySlice<UInt8>, at offset: Int, declared: Int, _ name: BlobID = name
  ) async throws -> Socket {
    let socket = try #require(Socket.connected(to: relay.port))
    let fields = fields(HeaderName.uploadOffset, offset) + [HeaderField("content-length", String(declared))]
    let head = head("PATCH", Route.upload(mailbox, name).path, fields)
    await Self.blocking { _ = socket.write(head + bytes) }
    return socket
  }

  private func fields(_ name: String, _ value: Int) -> [HeaderField] {
    [HeaderField(HeaderName.capability, contact.text), HeaderField(name, String(value))]
  }

  private func head(_ method: String, _ path: String, _ fields: [HeaderField]) -> [UInt8] {
    let all = [HeaderField("host", "127.0.0.1:\(relay.port)")] + fields
    let lines = ["\(method) \(path) HTTP/1.1"] + all.map { "\($0.name): \($0.value)" }
    return Array((lines.joined(separator: "\r\n") + "\r\n\r\n").utf8)
  }

  private func ask(
    _ method: String, _ path: String, _ fields: [HeaderField] = [], _ body: ArraySlice<UInt8> = []
  ) async throws -> Answer {
    let socket = try #require(Socket.connected(to: relay.port))
    let request = head(method, path, fields + [HeaderField("content-length", String(body.count))]) + body
    let answer = await Self.blocking {
      _ = socket.write(request)
      return HTTPMessage(from: socket)
    }
    let message = try #require(answer)
    let offset = message.head.firstMatch(of: /\r\nupload-offset: (\d+)\r\n/).flatMap { Int($0.1) }
    let status = try #require(Int(message.firstLine.dropFirst("HTTP/1.1 ".count).prefix(3)))
    return Answer(status: status, offset: offset, body: message.body)
  }

  private static func blocking<T: Sendable>(_ body: @escaping @Sendable () -> T) async -> T {
    await withCheckedContinuation { continuation in
      DispatchQueue.global().async { continuation.resume(returning: body()) }
    }
  }
}
