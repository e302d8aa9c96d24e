import NIOCore
import NIOPosix
import NIOWebSocket
import SottoCrypto
import SottoRelay
import SottoWire
import Testing

/// Streams over real loopback sockets.
@Suite struct StreamTests {
  private func put(_ numbers: ClosedRange<Int>, to owner: borrowing Owner, at relay: TestRelay) async throws {
    for number in numbers {
      let route = Route.envelope(owner.mailbox, envelopeID(number))
      #expect(try await relay.sender(.put, route, owner.contact, body: envelope(number)).status == 201)
    }
  }

  /// [stream.1] [stream.2] [stream.4] [stream.6] [stream.7]
  @Test func deliversInOrderAndDeletesWhatIsAcknowledged() async throws {
    try await withRelay { relay in
      let owner = Owner(1)
      try await owner.register(at: relay)
      try await put(1...10, to: owner, at: relay)
      let first = try await StreamClient.connect(to: relay, owner.mailbox)
      let epoch = try await first.authenticate(owner.key, at: relay)
      let found = try await first.untilCaughtUp()
      #expect(found.map(\.index) == Array(1...10))
      #expect(found.map(\.id) == (1...10).map(envelopeID))
      #expect(found.map(\.bytes) == (1...10).map { envelope($0) })
      first.send(.ack(index: 7, restoreEpoch: epoch))
      try await eventually { try await owner.status(at: relay).envelopes == 3 }
      first.close()

      let second = try await StreamClient.connect(to: relay, owner.mailbox)
      let again = try await second.authenticate(owner.key, at: relay)
      #expect(try await second.untilCaughtUp(acknowledging: again).map(\.index) == [8, 9, 10])
      try await eventually { try await owner.status(at: relay).envelopes == 0 }
    }
  }

  /// [stream.5] [stream.7]
  @Test func pushesWhatArrivesLater() async throws {
    try await withRelay { relay in
      let owner = Owner(1)
      try await owner.register(at: relay)
      let stream = try await StreamClient.connect(to: relay, owner.mailbox)
      try await stream.authenticate(owner.key, at: relay)
      #expect(try await stream.next() == .frame(.caughtUp(index: 0)))
      try await put(1...3, to: owner, at: relay)
      for number in 1...3 {
        #expect(
          try await stream.next()
            == .frame(.envelope(index: UInt64(number), id: envelopeID(number), bytes: envelope(number))))
      }
      #expect(try await stream.isQuiet(), "caught-up is said once")
    }
  }

  /// [stream.5]
  @Test func windowHoldsAt256() async throws {
    try await withRelay { relay in
      let owner = Owner(1)
      try await owner.register(at: relay)
      try await put(1...300, to: owner, at: relay)
      let stream = try await StreamClient.connect(to: relay, owner.mailbox)
      let epoch = try await stream.authenticate(owner.key, at: relay)
      for number in 1...256 {
        guard case .frame(.envelope(UInt64(number), _, _)) = try await stream.next() else {
          Issue.record("envelope \(number) is missing")
          return
        }
      }
      #expect(try await stream.isQuiet(), "nothing past the window")
      stream.send(.ack(index: 200, restoreEpoch: epoch))
      let rest = try await stream.untilCaughtUp()
      #expect(rest.map(\.index) == Array(257...300))
    }
  }

  /// [stream.3]
  @Test func strangersGetNothing() async throws {
    try await withRelay { relay in
      let owner = Owner(1)
      let stranger = Owner(2)
      try await owner.register(at: relay)
      try await put(1...1, to: owner, at: relay)
      let mailbox = owner.mailbox
      func refused(_ answer: (StreamChallenge) -> ClientFrame) async throws -> Bool {
        let stream = try await StreamClient.connect(to: relay, mailbox)
        stream.send(answer(try await stream.challenge()))
        let first = try await stream.next()
        let second = try await stream.next()
        return first == .frame(.closing(.refused)) && second == .closed(code: 4001)
      }
      #expect(try await refused { $0.answer(authority: relay.authority, signedBy: stranger.key) })
      #expect(try await refused { $0.answer(authority: RelayAuthority("relay.example")!, signedBy: owner.key) })
      #expect(
        try await refused { challenge in
          let message = challenge.message(authority: relay.authority, mailbox: mailbox)
          return .authenticate(key: stranger.key.publicKey, signature: stranger.key.sign(message))
        })
      #expect(
        try await refused { challenge in
          let message = challenge.message(authority: relay.authority, mailbox: stranger.mailbox)
          return .authenticate(key: owner.key.publicKey, signature: owner.key.sign(message))
        })
      #expect(try await refused { .ack(index: 1, restoreEpoch: $0.restoreEpoch) })
      // A signature that was right on another socket.
      let former = try await StreamClient.connect(to: relay, mailbox)
      let replayed = try await former.challenge().answer(authority: relay.authority, signedBy: owner.key)
      #expect(try await refused { _ in replayed })
      #expect(try await owner.status(at: relay).envelopes == 1)
    }
  }

  /// [relay.11]
  @Test func streamsAreServedUnderTheRelaysOwnNamesAlone() async throws {
    let named = RelayAuthority("relay.example")!
    try await withRelay(authorities: [named]) { relay in
      let owner = Owner(1)
      let stream = try await StreamClient.connect(to: relay, owner.mailbox, host: named.text)
      stream.send(try await stream.challenge().answer(authority: named, signedBy: owner.key))
      #expect(try await stream.next() == .frame(.closing(.gone)), "the owner was recognised")
      await #expect(throws: (any Error).self) {
        _ = try await StreamClient.connect(to: relay, owner.mailbox, host: "other.example")
      }
    }
  }

  /// The last acks of a reader that leaves at once. [stream.6]
  @Test func acksBeforeTheEndCount() async throws {
    try await withRelay { relay in
      let owner = Owner(1)
      try await owner.register(at: relay)
      for number in 1...8 {
        let route = Route.envelope(owner.mailbox, envelopeID(number))
        #expect(try await relay.sender(.put, route, owner.contact, body: envelope(number)).status == 201)
      }
      let stream = try await StreamClient.connect(to: relay, owner.mailbox)
      let epoch = try await stream.authenticate(owner.key, at: relay)
      while try await stream.next() != .frame(.caughtUp(index: 8)) {}
      for index in 1...8 { stream.send(.ack(index: UInt64(index), restoreEpoch: epoch)) }
      stream.send(raw: [], opcode: .connectionClose)
      try await eventually { try await owner.status(at: relay).envelopes == 0 }
    }
  }

  /// [stream.3]
  @Test func silenceIsRefused() async throws {
    try await withRelay { relay in
      let owner = Owner(1)
      try await owner.register(at: relay)
      let start = ContinuousClock.now
      let stream = try await StreamClient.connect(to: relay, owner.mailbox)
      _ = try await stream.challenge()
      try await until { !(try await stream.isQuiet(for: .milliseconds(50))) }
      // However late a busy machine notices, it is not early.
      #expect(ContinuousClock.now - start > .seconds(RelayLimits.authenticationSeconds - 1))
      #expect(try await stream.next() == .frame(.closing(.refused)))
    }
  }

  /// A connection that asks for nothing does not stay.
  @Test func aSilentConnectionIsClosed() async throws {
    try await withRelay { relay in
      let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
        .connect(host: relay.authority.host, port: relay.authority.port).get()
      try await channel.writeAndFlush(ByteBuffer(string: "GET /livez HTTP/1.1\r\n"))
      try await channel.closeFuture.get()
    }
  }

  /// [stream.8]
  @Test func onlyTheOwnerDisplaces() async throws {
    try await withRelay { relay in
      let owner = Owner(1)
      let stranger = Owner(2)
      try await owner.register(at: relay)
      let first = try await StreamClient.connect(to: relay, owner.mailbox)
      try await first.authenticate(owner.key, at: relay)
      #expect(try await first.next() == .frame(.caughtUp(index: 0)))
      let second = try await StreamClient.connect(to: relay, owner.mailbox)
      second.send(try await second.challenge().answer(authority: relay.authority, signedBy: stranger.key))
      #expect(try await second.next() == .frame(.closing(.refused)))
      #expect(try await first.isQuiet())

      let third = try await StreamClient.connect(to: relay, owner.mailbox)
      try await third.authenticate(owner.key, at: relay)
      #expect(try await first.next() == .frame(.closing(.displaced)))
      #expect(try await first.next() == .closed(code: 4002))
      #expect(try await third.next() == .frame(.caughtUp(index: 0)))
      try await put(1...1, to: owner, at: relay)
      guard case .frame(.envelope(1, _, _)) = try await third.next() else {
        Issue.record("the new stream serves")
        return
      }
    }
  }

  /// [stream.9]
  @Test func saysWhyItCloses() async throws {
    try await withRelay { relay in
      let owner = Owner(1)
      let missing = try await StreamClient.connect(to: relay, owner.mailbox)
      try await missing.authenticate(owner.key, at: relay)
      #expect(try await missing.next() == .frame(.closing(.gone)))
      try await owner.register(at: relay)
      let deleted = try await StreamClient.connect(to: relay, owner.mailbox)
      try await deleted.authenticate(owner.key, at: relay)
      #expect(try await deleted.next() == .frame(.caughtUp(index: 0)))
      #expect(try await relay.owner(owner.key, .delete, .mailbox(owner.mailbox), sequence: 3).status == 204)
      #expect(try await deleted.next() == .frame(.closing(.gone)))
      #expect(try await deleted.next() == .closed(code: 4003))
    }
  }

  /// [stream.9]
  @Test func stoppingClosesWith1012() async throws {
    let relay = try await TestRelay.start()
    let owner = Owner(1)
    try await owner.register(at: relay)
    let stream = try await StreamClient.connect(to: relay, owner.mailbox)
    try await stream.authenticate(owner.key, at: relay)
    #expect(try await stream.next() == .frame(.caughtUp(index: 0)))
    async let stopped: Void = relay.stop()
    #expect(try await stream.next() == .frame(.closing(.restarting)))
    #expect(try await stream.next() == .closed(code: 1012))
    try await stopped
  }

  /// [stream.1] [stream.6]
  @Test func unknownFramesAreProtocolErrors() async throws {
    try await withRelay { relay in
      let owner = Owner(1)
      try await owner.register(at: relay)
      try await put(1...1, to: owner, at: relay)
      func broken(_ misbehave: (StreamClient, UInt64) -> Void) async throws -> Bool {
        let stream = try await StreamClient.connect(to: relay, owner.mailbox)
        let epoch = try await stream.authenticate(owner.key, at: relay)
        _ = try await stream.untilCaughtUp()
        misbehave(stream, epoch)
        let first = try await stream.next()
        return first == .frame(.closing(.protocolError))
      }
      #expect(try await broken { stream, epoch in stream.send(.ack(index: 2, restoreEpoch: epoch)) })
      #expect(try await broken { stream, epoch in stream.send(.ack(index: 1, restoreEpoch: epoch + 1)) })
      #expect(try await broken { stream, _ in stream.send(raw: [0x83]) })
      #expect(
        try await broken { stream, epoch in
          stream.send(raw: ClientFrame.ack(index: 1, restoreEpoch: epoch).encoded + [0])
        })
      #expect(
        try await broken { stream, epoch in
          stream.send(raw: ClientFrame.ack(index: 1, restoreEpoch: epoch).encoded.dropLast())
        })
      #expect(
        try await broken { stream, epoch in
          stream.send(raw: ClientFrame.ack(index: 1, restoreEpoch: epoch).encoded, opcode: .text)
        })
      #expect(
        try await broken { stream, epoch in
          stream.send(raw: ClientFrame.ack(index: 1, restoreEpoch: epoch).encoded, fin: false)
        })
      #expect(
        try await broken { stream, epoch in
          stream.send(raw: ClientFrame.ack(index: 1, restoreEpoch: epoch).encoded, masked: false)
        })
      #expect(try await owner.status(at: relay).envelopes == 1, "none of them deleted anything")
      let long = try await StreamClient.connect(to: relay, owner.mailbox)
      try await long.authenticate(owner.key, at: relay)
      _ = try await long.untilCaughtUp()
      long.send(raw: [UInt8](repeating: 0x82, count: 129))
      #expect(try await long.next() == .closed(code: 1009))
    }
  }
}

/// Waits until something is so, at most a minute.
func eventually(_ location: SourceLocation = #_sourceLocation, _ isSo: () async throws -> Bool) async throws {
  for _ in 0..<1_200 {
    if try await isSo() { return }
    try await Task.sleep(for: .milliseconds(50))
  }
  Issue.record("it never came to be", sourceLocation: location)
}
