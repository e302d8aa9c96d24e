import Foundation
import SottoSimulation
import SottoWire
import Testing

/// Envelopes have a way of their own through the relay. Nobody can tell from outside: a request that takes the general
/// way, because it has one more header, is answered with the same bytes.
@Suite struct EnvelopeLaneTests {
  private static let detour = [HeaderField("x-detour", "1")]

  private func put(
    _ client: RelayClient, _ owner: MailboxOwner, _ number: Int, _ capability: Capability? = nil, size: Int = 512,
    to mailbox: MailboxID? = nil, with more: [HeaderField] = []
  ) throws -> [UInt8] {
    let route = Route.envelope(mailbox ?? owner.mailbox, try envelopeID(number))
    let shown = HeaderField(HeaderName.capability, (capability ?? owner.contact).text)
    return client.bytes("PUT", route.path, [shown] + more, body: [UInt8](repeating: 1, count: size))
  }

  /// [relay.24] [relay.26]
  @Test func `Both ways answer with the same bytes`() async throws {
    let relay = try await SharedRelay.start()
    try await onThread {
      let client = RelayClient(relay)
      let owner = try MailboxOwner(31)
      try owner.register(at: client)
      let nobody = try MailboxOwner(32)
      func answers(_ more: [HeaderField], _ first: Int) throws -> [HTTPMessage] {
        let socket = try client.connect()
        let requests = [
          try put(client, owner, first, with: more), try put(client, owner, first, with: more),
          try put(client, owner, first + 1, owner.knock, size: 65_536, with: more),
          try put(client, owner, first + 2, owner.revoked, with: more),
          try put(client, owner, first + 2, owner.expired, with: more),
          try put(client, owner, first + 2, to: nobody.mailbox, with: more),
          try put(client, owner, first + 2, size: 513, with: more),
          try put(client, owner, first + 2, size: 0, with: more),
          try put(client, owner, first + 2, with: [HeaderField(HeaderName.capability, owner.contact.text)] + more),
          try put(client, owner, first + 2, with: [HeaderField("host", client.authority.text)] + more),
        ]
        return try requests.map { try client.send($0, on: socket) }
      }
      let own = try answers([], 10)
      let general = try answers(Self.detour, 20)
      #expect(own.map { RelayAnswer($0) } == general.map { RelayAnswer($0) })
      #expect(own.map { RelayAnswer($0).status } == [201, 201, 201, 403, 403, 403, 400, 400, 400, 400])
      #expect(try owner.status(at: client).envelopes == 4)
    }
  }

  /// [relay.9]
  @Test func `Requests that are asked ahead are answered in order`() async throws {
    let relay = try await SharedRelay.start()
    try await onThread {
      let client = RelayClient(relay)
      let owner = try MailboxOwner(33)
      try owner.register(at: client)
      let wrong = owner.revoked
      let turn: [([UInt8], Int)] = [
        (try put(client, owner, 1), 201), (client.bytes("GET", "/livez"), 200), (try put(client, owner, 2), 201),
        (try put(client, owner, 3, wrong), 403), (try put(client, owner, 4, with: Self.detour), 201),
        (try put(client, owner, 5), 201), (client.bytes("GET", "/nowhere"), 404),
        (try put(client, owner, 6, size: 65_536), 201), (client.bytes("HEAD", "/livez"), 405),
      ]
      let many = (0..<40).flatMap { _ in turn }
      let socket = try client.connect()
      // From a thread of its own: the relay stops reading when it has enough.
      Thread.detachNewThread { socket.write(many.flatMap(\.0)) }
      for (place, expected) in many.map(\.1).enumerated() {
        if expected == 405 {
          // An answer to HEAD has no body, whatever its length says.
          let head = try #require(socket.readHead(), "nothing after \(place)")
          #expect(String(decoding: head, as: UTF8.self).hasPrefix("HTTP/1.1 405"), "\(place)")
        } else {
          let answer = try #require(HTTPMessage(from: socket), "nothing after \(place)")
          #expect(RelayAnswer(answer).status == expected, "\(place)")
        }
      }
      #expect(try owner.status(at: client).envelopes == 5)
    }
  }

  /// [relay.9] [limits.5]
  @Test func `What comes in pieces, or with junk behind it, is read as on the general way`() async throws {
    let relay = try await SharedRelay.start()
    try await onThread {
      let client = RelayClient(relay)
      let owner = try MailboxOwner(34)
      try owner.register(at: client)
      let socket = try client.connect()
      for byte in try put(client, owner, 1) { socket.write([byte]) }
      #expect(RelayAnswer(try #require(HTTPMessage(from: socket))).status == 201)
      func withJunk(_ number: Int, _ more: [HeaderField]) throws -> [UInt8]? {
        try client.raw(try put(client, owner, number, with: more) + Array("junk\r\n\r\n".utf8))
      }
      let own = try #require(try withJunk(2, []), "it hangs")
      #expect(try withJunk(3, Self.detour) == own)
      #expect(String(decoding: own, as: UTF8.self).contains("connection: close"))
      // The client ends its side before it has the answer.
      for (number, more) in [(4, []), (5, Self.detour)] {
        let socket = try client.connect()
        socket.write(try put(client, owner, number, with: more))
        shutdown(socket.descriptor, Int32(SHUT_WR))
        #expect(RelayAnswer(try #require(HTTPMessage(from: socket))).status == 201, "\(more)")
      }
      // In the middle of the body it has asked for nothing.
      let half = try client.connect()
      half.write(Array(try put(client, owner, 6).dropLast()))
      shutdown(half.descriptor, Int32(SHUT_WR))
      #expect(!String(decoding: half.readToEnd(), as: UTF8.self).contains("201"))
      #expect(try owner.status(at: client).envelopes == 5)
    }
  }

  @Test func `An envelope that is on its way when the relay stops is stored and answered`() async throws {
    let relay = try await SharedRelay.start()
    try await onThread {
      let client = RelayClient(relay)
      let owner = try MailboxOwner(35)
      try owner.register(at: client)
      let (used, idle) = (try client.connect(), try client.connect())
      for socket in [used, idle] {
        #expect(try RelayAnswer(client.send(try put(client, owner, 1), on: socket)).status == 201)
      }
      let request = try put(client, owner, 2)
      // In one packet with another, whose answer says that this one has begun for the relay too.
      used.write(try put(client, owner, 3) + request.dropLast(100))
      #expect(RelayAnswer(try #require(HTTPMessage(from: used))).status == 201)
      relay.signal(SIGTERM)
      #expect(idle.read().isEmpty, "a connection on which nothing is asked is closed")
      used.write(Array(request.suffix(100)))
      let answer = RelayAnswer(try #require(HTTPMessage(from: used)))
      #expect(answer.status == 201 && answer.field("connection") == "close")
      #expect(used.read().isEmpty)
      #expect(relay.wait() == 0)
    }
  }
}
