import Foundation
import SottoCrypto
import SottoSimulation
import SottoWire
import Testing

/// A stream takes the frames of Specs/Relay.md, and ends at anything else, before and after the owner is known.
@Suite struct FrameTests {
  private static func frame(_ first: UInt8, _ payload: [UInt8] = [], masked: Bool = true, length: Int? = nil) -> [UInt8]
  {
    RawStream.frame(first, payload, masked: masked, length: length)
  }

  private static let ack = ClientFrame.ack(index: 0, restoreEpoch: 1).encoded

  /// What is sent, and the code of the close frame that answers it.
  static let wrong: [(String, [UInt8], Int)] = {
    var all: [(String, [UInt8], Int)] = [
      ("text", frame(0x81, Array("hello".utf8)), 4004), ("unmasked", frame(0x82, ack, masked: false), 4004),
      ("compressed", frame(0xc2, ack), 4004), ("a second reserved bit", frame(0xa2, ack), 4004),
      ("a third reserved bit", frame(0x92, ack), 4004), ("a fragment", frame(0x02, [0x82]), 4004),
      ("a continuation of nothing", frame(0x80, ack), 4004), ("an empty message", frame(0x82), 4004),
      ("a long message", frame(0x82, [UInt8](repeating: 0x82, count: 129)), 1009),
      ("64 KiB announced", frame(0x82, [], length: 65_535), 1009),
      ("a gigabyte announced", frame(0x82, [], length: 1 << 30), 1009),
      ("more than there is", [0x82, 0xff] + [UInt8](repeating: 0xff, count: 12), 1009),
      ("a ping in fragments", frame(0x09, [1]), 1002),
      ("a long ping", frame(0x89, [UInt8](repeating: 1, count: 126)), 1002),
      ("a compressed ping", frame(0xc9, [1]), 4004),
    ]
    var crumbs: [UInt8] = []
    for (index, byte) in ack.enumerated() { crumbs += frame(index == 0 ? 0x02 : 0, [byte]) }
    all.append(("fragments of one byte", crumbs + frame(0x80), 4004))
    for opcode: UInt8 in [3, 4, 5, 6, 7, 11, 12, 13, 14, 15] {
      all.append(("reserved opcode \(opcode)", frame(0x80 | opcode, [1]), 4004))
    }
    return all
  }()

  /// [stream.1] [stream.9]
  @Test(arguments: wrong)
  func `A frame that the page does not have ends the stream`(name: String, bytes: [UInt8], code: Int) async throws {
    let relay = try await SharedRelay.relay.value
    let number = try #require(Self.wrong.firstIndex { $0.0 == name })
    try await onThread {
      let client = RelayClient(relay)
      // Its own mailbox: streams of one mailbox displace each other.
      let owner = try MailboxOwner(UInt8(number))
      #expect(try client.owner(owner.key, .put, .mailbox(owner.mailbox), sequence: 1).status == 204)
      for isOwner in [false, true] {
        let stream = try RawStream(client, owner.mailbox)
        if isOwner {
          try stream.authenticate(owner.key, at: client)
        }
        // The challenge, or that nothing waits.
        _ = stream.next()
        stream.send(bytes)
        let end = stream.closeCode()
        #expect(end == code || !isOwner && code == 4004 && end == 4001, "\(name), owner \(isOwner): \(end ?? 0)")
        stream.socket.end()
      }
      #expect(try client.send("GET", "/readyz").status == 200)
    }
  }

  /// Read as plain, a compressed frame would be what its sender did not say. [stream.1]
  @Test(arguments: [0x40, 0x20, 0x10] as [UInt8])
  func `A genuine answer to the challenge is none with a reserved bit`(bit: UInt8) async throws {
    let relay = try await SharedRelay.relay.value
    try await onThread {
      let client = RelayClient(relay)
      let owner = try MailboxOwner(0x32)
      let stream = try RawStream(client, owner.mailbox)
      guard case .challenge(let challenge) = try ServerFrame(decoding: stream.next()?.payload ?? []) else { return }
      let answer = challenge.answer(authority: client.authority, signedBy: owner.key).encoded
      stream.send(RawStream.frame(0x82 | bit, answer))
      #expect(stream.next()?.payload == ServerFrame.closing(.protocolError).encoded)
    }
  }

  private static let shared = Task {
    let relay = try await SharedRelay.relay.value
    let owner = try MailboxOwner(0x31)
    try await onThread { try owner.register(at: RelayClient(relay)) }
    return (relay, owner)
  }

  /// [stream.1]
  @Test func `Compression is not spoken, whoever offers it`() async throws {
    let (relay, owner) = try await Self.shared.value
    try await onThread {
      let client = RelayClient(relay)
      let offers = [
        HeaderField("sec-websocket-extensions", "permessage-deflate; client_max_window_bits, x-webkit-deflate-frame"),
        HeaderField("sec-websocket-protocol", "chat, superchat"),
      ]
      let stream = try RawStream(client, owner.mailbox, offers)
      #expect(!stream.head.lowercased().contains("extensions") && !stream.head.lowercased().contains("protocol:"))
      // Pings of an honest client are answered, and a close is.
      _ = stream.next()
      stream.send(RawStream.frame(0x89, [1, 2, 3]))
      #expect(stream.next() == .init(opcode: 10, payload: [1, 2, 3]))
      stream.send(RawStream.frame(0x88, [0x03, 0xe8]))
      #expect(stream.next() == .init(opcode: 8, payload: [0x03, 0xe8]) && stream.next() == nil)
    }
  }

  /// An `Upgrade` header never makes a route hang, change its answer, or keep the connection. [relay.9]
  @Test(arguments: ["websocket", "h2c", "TLS/1.0, HTTP/1.1", "", "websocket, h2c", "\u{7f}"])
  func `An upgrade header changes no route's answer`(protocols: String) async throws {
    let (relay, owner) = try await Self.shared.value
    try await onThread {
      let client = RelayClient(relay)
      let routes: [Route] = [
        .live, .ready, .send, .card(owner.card), .mailbox(owner.mailbox), .capabilities(owner.mailbox),
        .signedPart(owner.mailbox), .oneTimeParts(owner.mailbox), .batch(owner.mailbox, 1), .claim(owner.mailbox),
        .envelope(owner.mailbox, try envelopeID(1)), .push(owner.mailbox), .stream(owner.mailbox),
        .uploads(owner.mailbox), .upload(owner.mailbox, try blobID(1)), .blob(try blobID(1)),
      ]
      for path in routes.map(\.path) + ["/", "/nowhere"] {
        for method in ["GET", "PUT", "POST", "DELETE", "PATCH"] {
          // The whole handshake of a stream, on routes that are none.
          let isStream = (path.hasSuffix("/stream") || path.hasSuffix("/send")) && method == "GET"
          let fields =
            [
              HeaderField("connection", "upgrade"), HeaderField("upgrade", protocols),
              HeaderField("http2-settings", "AAMAAABkAAQAAP__"), HeaderField("sec-websocket-version", "13"),
            ] + (isStream ? [] : [HeaderField("sec-websocket-key", "AAECAwQFBgcICQoLDA0ODw==")])
          let plain = try client.send(method, path)
          let bytes = try client.raw(client.bytes(method, path, fields))
          let answer = String(decoding: try #require(bytes, "\(method) \(path) hangs"), as: UTF8.self)
          if protocols == "\u{7f}" {
            #expect(answer.hasPrefix("HTTP/1.1 400"))
          } else {
            #expect(answer.hasPrefix("HTTP/1.1 \(plain.status)"), "\(method) \(path): \(answer)")
            #expect(answer.hasSuffix(String(decoding: plain.body, as: UTF8.self)))
            #expect(answer.lowercased().contains("connection: close"))
          }
        }
      }
    }
  }

  /// [stream.5] [stream.9]
  @Test func `Clients that never read their streams cost a bounded memory`() async throws {
    let folder = try TemporaryFolder()
    let relay = try await RelayProcess(data: folder.file("relay"))
    let client = RelayClient(relay)
    let readers = 16
    let body = [UInt8](repeating: 3, count: 65_536)
    let owners = try (0..<readers).map { try MailboxOwner(UInt8(100 + $0)) }
    try await onThread {
      for owner in owners {
        try owner.register(at: client)
        let socket = try client.connect()
        let fields = [HeaderField(HeaderName.capability, owner.contact.text)]
        for number in 0..<32 {
          let path = Route.envelope(owner.mailbox, try envelopeID(number)).path
          #expect(try client.send(client.bytes("PUT", path, fields, body: body), on: socket).head.contains("201"))
        }
      }
    }
    let before = try relay.residentKilobytes()
    let streams = try await onThread {
      try owners.map { owner in
        let stream = try RawStream(client, owner.mailbox, window: 4_096)
        try stream.authenticate(owner.key, at: client)
        return Kept(stream)
      }
    }
    try await onThread {
      // 32 MiB wait for them. Each may hold a window of 1 MiB, and what is read ahead.
      for _ in 1...30 {
        let grown = try relay.residentKilobytes() - before
        #expect(grown < readers * 1_536 + 8_192, "\(grown) KiB")
        usleep(100_000)
      }
      let answer = try client.sender(
        .put, .envelope(owners[0].mailbox, try envelopeID(99)), owners[0].contact, body: body)
      #expect(answer.status == 201)
      guard isSoak else { return }
      // Nobody answers pings or takes bytes: three pings later the last is closed.
      for _ in 1...160 where try openConnections(relay) > readers / 2 { usleep(1_000_000) }
      #expect(try openConnections(relay) <= readers / 2)
    }
    withExtendedLifetime(streams) {}
  }

  /// Nobody has to sign anything for a ping. [stream.3] [stream.9] [send.5]
  @Test(arguments: [false, true])
  func `Pings of a stranger who reads no pongs cost a bounded memory`(isSender: Bool) async throws {
    let folder = try TemporaryFolder()
    let relay = try await RelayProcess(data: folder.file("relay"))
    try await onThread {
      let client = RelayClient(relay)
      #expect(try client.send("GET", "/readyz").status == 200)
      let route = try isSender ? Route.send : .stream(MailboxOwner(1).mailbox)
      let stream = try RawStream(client, route, window: 4_096)
      var time = timeval(tv_sec: 1, tv_usec: 0)
      setsockopt(
        stream.socket.descriptor, SOL_SOCKET, SO_SNDTIMEO, &time, socklen_t(MemoryLayout<timeval>.size))
      let before = try relay.residentKilobytes()
      func checkMemory() throws {
        let grown = try relay.residentKilobytes() - before
        #expect(grown < 16 * 1_024, "\(grown) KiB")
      }
      // Long ones fill what the system holds of the answers; of the empty ones each would have been kept.
      for (count, ping) in [
        (40, RawStream.frame(0x89, [UInt8](repeating: 1, count: 125))), (300, RawStream.frame(0x89, [])),
      ] {
        let pings = (0..<1_000).reduce(into: [UInt8]()) { bytes, _ in bytes += ping }
        // When nothing goes out any more, the relay reads nothing.
        for _ in 0..<count {
          guard stream.socket.write(pings) else { break }
          try checkMemory()
        }
      }
      for _ in 1...30 {
        try checkMemory()
        usleep(100_000)
      }
      #expect(try client.send("GET", "/readyz").status == 200)
      // What is left is read at once when there is no more to come.
      stream.socket.end()
      for _ in 1...10 {
        try checkMemory()
        usleep(100_000)
      }
      #expect(try client.send("GET", "/readyz").status == 200)
    }
  }

  /// Whoever takes nothing is not read from, and is again as soon as it does. Of pings that could not be answered in
  /// time the last is. [stream.9]
  @Test func `A client that reads late is heard all the same`() async throws {
    let relay = try await SharedRelay.relay.value
    let reader = try await onThread {
      let client = RelayClient(relay)
      let owner = try MailboxOwner(0x33)
      #expect(try client.owner(owner.key, .put, .mailbox(owner.mailbox), sequence: 1).status == 204)
      let stream = try RawStream(client, owner.mailbox)
      try stream.authenticate(owner.key, at: client)
      #expect(try ServerFrame(decoding: stream.next()?.payload ?? []) == .caughtUp(index: 0))
      return Kept(stream)
    }
    let ping = RawStream.frame(0x89, [UInt8](repeating: 1, count: 125))
    let pings = (0..<60_000).reduce(into: [UInt8]()) { bytes, _ in bytes += ping } + RawStream.frame(0x89, [9])
    async let isSent = onThread { reader.stream.socket.write(pings) }
    let isAnswered = try await onThread {
      usleep(2_000_000)
      while let frame = reader.stream.next() {
        if frame == .init(opcode: 10, payload: [9]) { return true }
      }
      reader.stream.socket.end()
      return false
    }
    #expect(isAnswered)
    #expect(try await isSent)
  }

  /// While an answer waits for the socket, of the pings that come the last is answered, and none before it is kept.
  /// [send.1] [send.5]
  @Test func `Of pings on the send socket that nobody takes the answers of, the last is answered`() async throws {
    let relay = try await SharedRelay.relay.value
    let sender = try await onThread { Kept(try RawStream(RelayClient(relay), .send)) }
    let ping = RawStream.frame(0x89, [UInt8](repeating: 1, count: 125))
    // Until neither side takes anything.
    let sent = try await onThread {
      let pings = (0..<1_000).reduce(into: [UInt8]()) { bytes, _ in bytes += ping }
      var sent = 0
      while sent < 64 << 20 {
        let count = sender.stream.socket.writeSome(pings[(sent % pings.count)...], patience: 6)
        if count == 0 { break }
        sent += count
      }
      return sent
    }
    let rest = Array(ping.suffix((ping.count - sent % ping.count) % ping.count)) + RawStream.frame(0x89, [9])
    async let isSent = onThread { sender.stream.socket.write(rest) }
    let pongs = try await onThread { () -> Int? in
      var pongs = 0
      while let frame = sender.stream.next() {
        if frame == .init(opcode: 10, payload: [9]) { return pongs }
        if frame.opcode == 10 { pongs += 1 }
      }
      sender.stream.socket.end()
      return nil
    }
    #expect(try await isSent)
    let answered = try #require(pongs, "the last one is answered")
    #expect(answered < sent / ping.count, "each was kept")
  }

  /// Something that is touched by one thread at a time, but for one that only writes.
  private final class Kept: @unchecked Sendable {
    let stream: RawStream
    init(_ stream: RawStream) { self.stream = stream }
  }

  /// An answer that nobody takes holds its connection for 30 s and no longer. [limits.5]
  @Test func `A client that never reads its answers is closed`() async throws {
    let (relay, owner) = try await Self.shared.value
    try await onThread {
      let client = RelayClient(relay)
      let card = try CardID([UInt8](repeating: 0x5a, count: 16))
      let large = [UInt8](repeating: 8, count: 65_536)
      #expect(
        try client.owner(owner.key, .put, .card(card), body: large, sequence: 1, listSequence: 1, condition: .absent)
          .status == 204)
      let socket = try client.connect(window: 4_096)
      let before = try relay.residentKilobytes()
      let request = client.bytes("GET", Route.card(card).path)
      var time = timeval(tv_sec: 1, tv_usec: 0)
      setsockopt(socket.descriptor, SOL_SOCKET, SO_SNDTIMEO, &time, socklen_t(MemoryLayout<timeval>.size))
      // Ever more requests in the pipe, until neither side takes anything.
      var sent = 0
      while sent < 50_000, socket.write(request) { sent += 1 }
      #expect(try relay.residentKilobytes() - before < 16 * 1_024)
      let started = Date.now
      for _ in 1...90 {
        usleep(1_000_000)
        // A reset connection refuses bytes at once.
        var error: Int32 = 0
        var size = socklen_t(MemoryLayout<Int32>.size)
        getsockopt(socket.descriptor, SOL_SOCKET, SO_ERROR, &error, &size)
        if error != 0 { break }
      }
      #expect(Date.now.timeIntervalSince(started) < 85, "it is still open")
      #expect(try client.send("GET", "/readyz").status == 200)
    }
  }

  /// Far less than its buffers hold at a time, for far longer than a reader of nothing is borne. [blob.11] [limits.5]
  @Test func `A slow reader of a large blob has all of it, and a reader of nothing is closed`() async throws {
    let folder = try TemporaryFolder()
    let relay = try await RelayProcess(data: folder.file("relay"), settings: ["transfer-seconds": "4"])
    try await onThread {
      let client = RelayClient(relay)
      let owner = try MailboxOwner(1)
      try owner.register(at: client)
      let bytes = [UInt8](repeating: 0xb2, count: 8 << 20)
      let route = Route.upload(owner.mailbox, try blobID(1))
      #expect(try client.upload(.put, route, owner.contact, bytes.count).status == 204)
      #expect(try client.upload(.patch, route, owner.contact, 0, body: bytes).status == 201)
      let request = client.bytes("GET", Route.blob(try blobID(1)).path, [HeaderField("connection", "close")])
      let (slow, silent) = (try client.connect(window: 4_096), try client.connect(window: 4_096))
      slow.write(request)
      silent.write(request)
      var count = 0
      for _ in 1...120 {
        count += slow.read(exactly: 4_096)?.count ?? 0
        usleep(200_000)
      }
      #expect(count == 120 * 4_096, "six times what is borne of a reader of nothing")
      // The other has what the buffers held, and then the end.
      let rest = silent.readToEnd()
      #expect(rest.count < bytes.count, "it was not closed")
      count += slow.readToEnd().count
      #expect(count > bytes.count)
    }
  }
}
