import NIOCore
import NIOPosix
import NIOWebSocket
import SottoCrypto
import SottoRelay
import SottoWire
import Testing

/// The send socket over real loopback sockets.
@Suite struct SendTests {
  private func connect(to relay: TestRelay) async throws -> SendClient {
    try await SendClient.connect(to: relay, route: .send)
  }

  private func delivered(to owner: borrowing Owner, at relay: TestRelay) async throws -> [EnvelopeID] {
    let stream = try await StreamClient.connect(to: relay, owner.mailbox)
    let epoch = try await stream.authenticate(owner.key, at: relay)
    let found = try await stream.untilCaughtUp(acknowledging: epoch).map(\.id)
    try await eventually { try await owner.status(at: relay).envelopes == 0 }
    stream.close()
    return found
  }

  /// [send.1] [send.2]
  @Test func manyEnvelopesToManyMailboxesInOneGo() async throws {
    try await withRelay { relay in
      let owners = [1, 2, 3] as [UInt8]
      for seed in owners { try await Owner(seed).register(at: relay) }
      let socket = try await connect(to: relay)
      for number in 0..<600 as Range<UInt32> {
        let owner = Owner(owners[Int(number) % 3])
        let size: SizeClass = number == 300 ? .k64 : .b512
        socket.put(number, envelopeID(Int(number)), to: owner.mailbox, owner.contact, envelope(Int(number), size: size))
      }
      let answers = try await socket.answers(600)
      #expect(answers.values.allSatisfy { $0.problem == nil })
      for (offset, seed) in owners.enumerated() {
        let expected = stride(from: offset, to: 600, by: 3).map(envelopeID)
        #expect(try await delivered(to: Owner(seed), at: relay) == expected, "in the order in which they were put")
      }
    }
  }

  /// An owner who listens is told. [stream.5]
  @Test func arrivesAtAnOpenStream() async throws {
    try await withRelay { relay in
      let owner = Owner(1)
      try await owner.register(at: relay)
      let stream = try await StreamClient.connect(to: relay, owner.mailbox)
      try await stream.authenticate(owner.key, at: relay)
      #expect(try await stream.next() == .frame(.caughtUp(index: 0)))
      let socket = try await connect(to: relay)
      socket.put(7, envelopeID(1), to: owner.mailbox, owner.contact, envelope(1, size: .k64))
      #expect(try await stream.next() == .frame(.envelope(index: 1, id: envelopeID(1), bytes: envelope(1, size: .k64))))
      #expect(try await socket.answers(1) == [7: PutAnswer(number: 7)])
    }
  }

  /// Each is answered for itself, as the PUT request would be. [send.3] [send.4] [relay.24] [relay.27]
  @Test func oneRefusalAmongMany() async throws {
    try await withRelay { relay in
      let owner = Owner(1)
      try await owner.register(at: relay)
      let socket = try await connect(to: relay)
      socket.put(1, envelopeID(1), to: owner.mailbox, owner.contact, envelope(1))
      socket.put(2, envelopeID(2), to: owner.mailbox, Owner(2).contact, envelope(2))
      socket.put(3, envelopeID(3), to: Owner(2).mailbox, owner.contact, envelope(3))
      socket.put(4, envelopeID(4), to: owner.mailbox, owner.contact, [1, 2, 3])
      socket.put(5, envelopeID(5), to: owner.mailbox, owner.contact, [])
      socket.put(6, envelopeID(6), to: owner.mailbox, owner.contact, envelope(6))
      var answers = try await socket.answers(6)
      let refused = Problem.deliveryRefused
      let problems = (1...6).map { answers[UInt32($0)]?.problem }
      #expect(problems == [nil, refused, refused, .requestMalformed, .requestMalformed, nil])
      for number in 100..<201 as Range<UInt32> {
        socket.put(number, envelopeID(Int(number)), to: owner.mailbox, owner.knock, envelope(1))
      }
      answers = try await socket.answers(101)
      #expect(answers[199]?.problem == nil)
      #expect(answers[200] == PutAnswer(number: 200, problem: .tooManyRequests, retryAfter: 6))
      relay.clock.advance(60)
      socket.put(201, envelopeID(201), to: owner.mailbox, owner.knock, envelope(1))
      #expect(try await socket.answers(1)[201] == PutAnswer(number: 201, problem: .mailboxFull))
      let put = try await relay.sender(
        .put, .envelope(owner.mailbox, envelopeID(201)), owner.knock, body: envelope(1))
      #expect(put.problem == .mailboxFull, "the same rule by the other way in")
      #expect(try await owner.status(at: relay).envelopes == 102)
    }
  }

  /// The same envelope by PUT, by this socket and by another one is one envelope. [relay.26]
  @Test func retriesAreHarmlessAcrossBothWaysIn() async throws {
    try await withRelay { relay in
      let owner = Owner(1)
      try await owner.register(at: relay)
      func put(_ number: Int) async throws -> Int {
        let route = Route.envelope(owner.mailbox, envelopeID(number))
        return try await relay.sender(.put, route, owner.contact, body: envelope(number)).status
      }
      #expect(try await put(1) == 201)
      for _ in 0..<2 {
        let socket = try await connect(to: relay)
        for number in [1, 2, 2, 3] {
          socket.put(UInt32(number), envelopeID(number), to: owner.mailbox, owner.contact, envelope(9))
          #expect(try await socket.answers(1)[UInt32(number)]?.problem == nil)
        }
      }
      #expect(try await put(2) == 201)
      #expect(try await delivered(to: owner, at: relay) == (1...3).map(envelopeID))
      let late = try await connect(to: relay)
      late.put(1, envelopeID(1), to: owner.mailbox, owner.contact, envelope(1))
      #expect(try await late.answers(1)[1]?.problem == nil)
      #expect(try await owner.status(at: relay).envelopes == 0, "delivered, and still known")
    }
  }

  /// [send.1] [send.6]
  @Test func unknownFramesAreProtocolErrors() async throws {
    try await withRelay { relay in
      let owner = Owner(1)
      try await owner.register(at: relay)
      let good = PutFrame(
        number: 1, mailbox: owner.mailbox, id: envelopeID(1), capability: owner.contact, bytes: envelope(1)
      ).encoded
      func broken(_ misbehave: (SendClient) -> Void) async throws -> Bool {
        let socket = try await connect(to: relay)
        misbehave(socket)
        let first = try await socket.next()
        let second = try await socket.next()
        return first == .frame(.closing(.protocolError)) && second == .closed(code: 4004)
      }
      #expect(try await broken { $0.send(raw: []) })
      #expect(try await broken { $0.send(raw: [0x82] + good.dropFirst()) })
      #expect(try await broken { $0.send(raw: good + [0]) })
      #expect(try await broken { $0.send(raw: good.dropLast()) })
      #expect(try await broken { $0.send(raw: good, opcode: .text) })
      #expect(try await broken { $0.send(raw: good, fin: false) })
      #expect(try await broken { $0.send(raw: good, opcode: .continuation) })
      #expect(try await broken { $0.send(raw: good, masked: false) })
      let long = try await connect(to: relay)
      long.send(raw: [UInt8](repeating: 0x91, count: PutFrame.limit + 1))
      #expect(try await long.next() == .closed(code: 1009))
      #expect(try await owner.status(at: relay).envelopes == 0, "none of them stored anything")
      let answered = try await connect(to: relay)
      answered.send(raw: [1, 2, 3], opcode: .ping)
      answered.send(raw: good)
      #expect(try await answered.answers(1)[1]?.problem == nil)
    }
  }

  /// [send.1] [relay.9] [relay.11]
  @Test func opensAsAWebSocketAlone() async throws {
    try await withRelay(authorities: [RelayAuthority("relay.example")!]) { relay in
      let host = [HeaderField("host", "relay.example")]
      #expect(try await relay.send("GET", "/v1/send", host).problem == .upgradeRequired)
      #expect(try await relay.send("POST", "/v1/send", host).problem == .methodNotAllowed)
      _ = try await SendClient.connect(to: relay, route: .send, host: "relay.example")
      await #expect(throws: (any Error).self) {
        _ = try await SendClient.connect(to: relay, route: .send, host: "other.example")
      }
    }
  }

  /// What was committed when the relay stops is acknowledged, and what was acknowledged is there. [send.6]
  @Test func stoppingAnswersAndClosesWith1012() async throws {
    let folder = Folder()
    let owner = Owner(1)
    let relay = try await TestRelay.start(in: folder)
    try await owner.register(at: relay)
    let idle = try await connect(to: relay)
    let busy = try await connect(to: relay)
    for number in 0..<2_000 as Range<UInt32> {
      busy.put(number, envelopeID(Int(number)), to: owner.mailbox, owner.contact, envelope(1))
    }
    _ = try await busy.answers(1)
    async let stopped: Void = relay.stop()
    #expect(try await idle.next() == .frame(.closing(.restarting)))
    #expect(try await idle.next() == .closed(code: 1012))
    var acknowledged = 0
    var end: SendClient.Event?
    while end == nil {
      switch try await busy.next() {
      case .frame(.answers(let answers)): acknowledged += answers.filter { $0.problem == nil }.count
      case let other: end = other
      }
    }
    #expect(end == .frame(.closing(.restarting)))
    #expect(try await busy.next() == .closed(code: 1012))
    try await stopped
    try await withRelay(in: folder) { relay in
      let stored = try await owner.status(at: relay).envelopes
      #expect(stored >= acknowledged, "none of them lost")
      let route = Route.envelope(owner.mailbox, envelopeID(0))
      #expect(try await relay.sender(.put, route, owner.contact, body: envelope(1)).status == 201)
      #expect(try await owner.status(at: relay).envelopes == stored, "the first was known")
    }
  }

  /// A sender that reads no answer is not read either, and closed: 640 MB of puts would be 80 MB of answers. [send.5]
  @Test func aSenderThatTakesNoAnswersIsClosed() async throws {
    try await withRelay { relay in
      let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
        .channelOption(.autoRead, value: false).channelOption(.socketOption(.so_rcvbuf), value: 4_096)
        .connect(host: relay.authority.host, port: relay.authority.port).get()
      let head = """
        GET /v1/send HTTP/1.1\r\nhost: \(relay.authority.text)\r\nupgrade: websocket\r\nconnection: upgrade\r\n\
        sec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n
        """
      try await channel.writeAndFlush(ByteBuffer(string: head))
      // The mask is 0, so a frame is its header and the put.
      let put = PutFrame(
        number: 1, mailbox: Owner(1).mailbox, id: envelopeID(1), capability: Owner(1).contact, bytes: [])
      let frame = [0x82, 0x80 | UInt8(put.encoded.count), 0, 0, 0, 0] + put.encoded
      let thousand = ByteBuffer(bytes: (0..<1_000).flatMap { _ in frame })
      await #expect(throws: (any Error).self) {
        for _ in 0..<8_500 { try await channel.writeAndFlush(thousand) }
      }
      // A socket that is never read does not see its end.
      try? await channel.close()
      // Others are served.
      try await Owner(1).register(at: relay)
    }
  }
}
