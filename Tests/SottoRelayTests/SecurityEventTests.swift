import SottoCrypto
import SottoRelay
import SottoWire
import Testing

/// What may be an attack is counted, whichever way it comes in. [operation.17]
@Suite struct SecurityEventTests {
  private func withCountingRelay(
    _ configure: (inout RelayConfiguration) -> Void, body: (TestRelay) async throws -> Void
  ) async throws {
    let relay = try await TestRelay.start {
      $0.metrics = ListenAddress(host: "127.0.0.1", port: 0)
      configure(&$0)
    }
    do {
      try await until { relay.lines.all.contains { $0.contains("serving metrics") } }
      try await body(relay)
    } catch {
      try? await relay.stop()
      throw error
    }
    try await relay.stop()
  }

  private func counted(_ event: SecurityEvent, at relay: TestRelay) async throws -> Int {
    try await relay.metric(#"sotto_relay_security_events_total{what="\#(event.rawValue)"}"#)
  }

  private func put(
    _ number: Int, _ capability: Capability, at relay: TestRelay, _ more: [HeaderField] = []
  ) async throws -> Problem? {
    let route = Route.envelope(Owner(1).mailbox, envelopeID(number))
    let fields = [HeaderField(HeaderName.capability, capability.text)] + more
    return try await relay.send("PUT", route.path, fields, body: envelope(number)).problem
  }

  /// Of a mailbox, by a plain PUT, by one that is not plain, and by the send socket.
  @Test func whoeverFloodsAMailboxIsCounted() async throws {
    try await withCountingRelay {
      $0.rates.knockEnvelopes = TokenBucket.Rate(burst: 1, secondsPerToken: 60)
    } body: { relay in
      let owner = Owner(1)
      try await owner.register(at: relay)
      #expect(try await put(1, Owner(1).knock, at: relay) == nil)
      #expect(try await put(2, Owner(1).knock, at: relay) == .tooManyRequests)
      #expect(try await put(3, Owner(1).knock, at: relay, [HeaderField("x-more", "1")]) == .tooManyRequests)
      let socket = try await SendClient.connect(to: relay, route: .send)
      socket.put(4, envelopeID(4), to: owner.mailbox, owner.knock, envelope(4))
      #expect(try await socket.answers(1)[4]?.problem == .tooManyRequests)
      #expect(try await counted(.limitReached, at: relay) == 3)
      #expect(relay.lines.all.count { $0.contains("limit-reached") } == 1, "a line a minute")
      // What everybody meets now and then is none.
      #expect(try await put(5, Owner(2).contact, at: relay) == .deliveryRefused)
      #expect(try await counted(.limitReached, at: relay) == 3)
    }
  }

  /// Of a client, by a plain PUT and by the send socket.
  @Test func whoeverAsksTooMuchIsCounted() async throws {
    try await withCountingRelay {
      $0.clients.limitsLoopback = true
      $0.clients.requests = ClientRate(burst: 1, microseconds: 600_000_000)
    } body: { relay in
      let owner = Owner(1)
      try await owner.register(at: relay)
      #expect(try await put(1, Owner(1).contact, at: relay) == nil)
      #expect(try await put(2, Owner(1).contact, at: relay) == .tooManyRequests)
      let socket = try await SendClient.connect(to: relay, route: .send)
      socket.put(3, envelopeID(3), to: owner.mailbox, owner.contact, envelope(3))
      #expect(try await socket.answers(1)[3]?.problem == .tooManyRequests)
      #expect(try await counted(.limitReached, at: relay) == 2)
    }
  }

  @Test func whoeverConnectsTooOftenIsCounted() async throws {
    try await withCountingRelay {
      $0.clients.limitsLoopback = true
      $0.clients.maxConnectionsPerClient = 1
    } body: { relay in
      let stream = try await StreamClient.connect(to: relay, Owner(1).mailbox)
      _ = try await stream.challenge()
      _ = try? await relay.raw("GET /livez HTTP/1.1\r\nhost: \(relay.authority.text)\r\n\r\n")
      try await until { try await counted(.limitReached, at: relay) == 1 }
      stream.close()
    }
  }

  @Test func aStreamThatIsNotTheOwnersIsCounted() async throws {
    try await withCountingRelay { _ in
    } body: { relay in
      let owner = Owner(1)
      let stranger = Owner(2)
      try await owner.register(at: relay)
      let mailbox = owner.mailbox
      for _ in 0..<2 {
        let stream = try await StreamClient.connect(to: relay, mailbox)
        try await stream.authenticate(stranger.key, at: relay)
        #expect(try await stream.next() == .frame(.closing(.refused)))
      }
      // Nonsense is no signature.
      let stream = try await StreamClient.connect(to: relay, mailbox)
      _ = try await stream.challenge()
      stream.send(raw: [0xff])
      #expect(try await stream.next() == .frame(.closing(.protocolError)))
      #expect(try await counted(.signatureRefused, at: relay) == 2)
      #expect(!relay.lines.all.contains { $0.contains(mailbox.text) })
    }
  }
}
