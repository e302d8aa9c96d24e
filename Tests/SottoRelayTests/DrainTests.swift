import SottoCrypto
import SottoRelay
import SottoWire
import Testing

/// The sockets of a relay that stops are closed one after the other. [operation.18]
@Suite struct DrainTests {
  private func schedule(_ sockets: Int) -> DrainSchedule {
    var schedule = DrainSchedule()
    for _ in 0..<sockets { schedule.opened() }
    return schedule
  }

  /// How long each of them waits, in the order in which they ask.
  private func waits(_ sockets: Int) -> [Int64] {
    var schedule = schedule(sockets)
    return (0..<sockets).map { _ in schedule.wait() }
  }

  @Test func fewAreOverAtOnce() {
    #expect(waits(1) == [0])
    #expect(waits(3) == [0, 1_000, 2_000])
    #expect(waits(300).last == 299_000)
  }

  @Test(arguments: [5_000, 10_000, 65_536]) func manyHaveTheSameTimeTogether(_ sockets: Int) {
    let waits = waits(sockets)
    let steps = zip(waits.dropFirst(), waits).map { $0 - $1 }
    let even = RelayLimits.drainSpread / Int64(sockets)
    #expect(steps.allSatisfy { even...even + 1 ~= $0 }, "evenly")
    #expect(waits.first == 0)
    #expect(RelayLimits.drainSpread - (even + 1)..<RelayLimits.drainSpread ~= waits.last ?? 0)
  }

  @Test func thoseThatEndMeanwhileChangeNothing() {
    var schedule = schedule(10)
    for _ in 0..<7 { schedule.closed() }
    #expect(schedule.wait() == 0, "three are left")
    schedule.closed()
    #expect(schedule.wait() == 1_000)
    schedule.opened()
    #expect(schedule.wait() == 2_000)
    #expect(schedule.wait() == 3_000, "the one that came meanwhile")
  }

  /// When the last of them is closed, and no earlier, however late a busy machine closes it.
  private func end(of sockets: Int, from start: ContinuousClock.Instant) -> ContinuousClock.Instant {
    start + .microseconds(RelayLimits.drainStep * Int64(sockets - 1))
  }

  /// [stream.9]
  @Test func streamsEndOneAfterTheOther() async throws {
    let relay = try await TestRelay.start()
    var streams: [StreamClient] = []
    for seed in 1...200 as ClosedRange<UInt8> {
      let owner = Owner(seed)
      #expect(try await relay.owner(owner.key, .put, .mailbox(owner.mailbox), sequence: 1).status == 204)
      let stream = try await StreamClient.connect(to: relay, owner.mailbox)
      try await stream.authenticate(owner.key, at: relay)
      #expect(try await stream.next() == .frame(.caughtUp(index: 0)))
      streams.append(stream)
    }
    let start = ContinuousClock.now
    async let stopped: Void = relay.stop()
    for stream in streams {
      #expect(try await stream.next() == .frame(.closing(.restarting)))
      #expect(try await stream.next() == .closed(code: 1012))
    }
    #expect(ContinuousClock.now >= end(of: streams.count, from: start))
    try await stopped
  }

  /// [send.6]
  @Test func sendSocketsEndOneAfterTheOther() async throws {
    let relay = try await TestRelay.start()
    var sockets: [SendClient] = []
    for number in 0..<300 as Range<UInt32> {
      let socket = try await SendClient.connect(to: relay, route: .send)
      socket.put(number, envelopeID(Int(number)), to: Owner(1).mailbox, Owner(1).contact, envelope(1))
      #expect(try await socket.answers(1)[number]?.problem == .deliveryRefused)
      sockets.append(socket)
    }
    let start = ContinuousClock.now
    async let stopped: Void = relay.stop()
    for socket in sockets {
      #expect(try await socket.next() == .frame(.closing(.restarting)))
      #expect(try await socket.next() == .closed(code: 1012))
    }
    #expect(ContinuousClock.now >= end(of: sockets.count, from: start))
    try await stopped
  }
}
