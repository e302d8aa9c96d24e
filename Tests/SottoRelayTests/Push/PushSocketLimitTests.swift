import Foundation
import GRDB
import NIOCore
import NIOPosix
import NIOWebSocket
import SottoCrypto
import SottoRelay
import SottoWire
import Synchronization
import Testing

/// What a gateway that is none, or too many, can do at the socket; and whose the socket is. [push.10]
@Suite struct PushSocketLimitTests {
  /// Whoever says nonsense is sent away, what it held comes again, and nobody else notices.
  @Test(
    arguments: [
      [0xff, 0xff, 1], [0, 9, 0, 0, 0, 0, 0, 0, 0, 1, 4], [0, 9, 0, 0, 0, 0, 0, 0, 0, 1, 0], [0, 0], [0, 1, 1],
      [0, 10, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1],
    ] as [[UInt8]]) func nonsenseEndsAConnection(_ bytes: [UInt8]) async throws
  {
    try await PushStage.with { stage in
      let gateway = try await RawGateway.connect(stage.path)
      try await stage.put(1)
      try await until { gateway.requests.count == 1 }
      gateway.send(raw: bytes)
      try await gateway.end()
      let next = TestGateway(stage.path)
      try await until { next.all.count == 1 }
      await next.stop()
    }
  }

  /// An answer about what one does not hold changes nothing.
  @Test func oneAnswersForItselfAlone() async throws {
    try await PushStage.with { stage in
      let holder = try await RawGateway.connect(stage.path)
      try await stage.put(1)
      try await until { holder.requests.count == 1 }
      let number = holder.requests[0].number
      let stranger = try await RawGateway.connect(stage.path)
      for verdict in PushVerdict.allCases { stranger.send(PushAnswer(number: number, verdict).encoded) }
      stranger.send(PushAnswer(number: .max, .gone).encoded)
      stranger.send(PushAnswer(number: 0, .done).encoded)
      try await Task.sleep(for: .milliseconds(300))
      #expect(try await stage.relay.metric("sotto_relay_push_jobs_total{result=\"queued\"}") == 0)
      holder.close()
      try await until { stranger.requests.count == 1 }
      #expect(stranger.requests[0].number == number)
      stranger.send(PushAnswer(number: number, .done).encoded)
      try await until { try await stage.relay.metric("sotto_relay_push_jobs_total{result=\"queued\"}") == 1 }
      stranger.close()
    }
  }

  /// One cannot have more to say than it was told.
  @Test func aFloodOfAnswersEndsAConnection() async throws {
    try await PushStage.with { stage in
      let flood = try await RawGateway.connect(stage.path)
      let answer = PushAnswer(number: 0, .done).encoded
      let answers: [UInt8] = (0..<100_000).flatMap { _ in [0, UInt8(answer.count)] + answer }
      // The relay counts anew whenever it has come to what it was told: a fast one does so often.
      try await until {
        flood.send(raw: answers)
        return try await !flood.stays()
      }
      let gateway = TestGateway(stage.path)
      try await stage.put(1)
      try await until { gateway.all.count == 1 }
      await gateway.stop()
    }
  }

  /// A gateway that is sent away comes back, and not all the time; and it says so.
  @Test func aGatewayThatIsSentAwayWaits() async throws {
    let folder = Folder()
    let count = Mutex(0)
    let listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .childChannelInitializer { channel in
        count.withLock { $0 += 1 }
        return channel.close()
      }
      .bind(unixDomainSocketPath: folder.path + "/s").get()
    let start = ContinuousClock.now
    let gateway = TestGateway(folder.path + "/s")
    try await until { count.withLock { $0 } >= 2 }
    try await until { !gateway.isConnected }
    try await Task.sleep(for: .seconds(2))
    let attempts = count.withLock { $0 }
    let seconds = Int((ContinuousClock.now - start).components.seconds)
    #expect(attempts <= seconds + 2, "one a second")
    await gateway.stop()
    try await listener.close()
  }

  @Test func soManyGatewaysAndNoMore() async throws {
    try await PushStage.with { stage in
      var all: [RawGateway] = []
      for _ in 0..<RelayLimits.pushGateways { all.append(try await RawGateway.connect(stage.path)) }
      // One that comes before the relay has seen them all is among those that it takes.
      try await until {
        let late = try await RawGateway.connect(stage.path)
        defer { late.close() }
        return try await !late.stays()
      }
      all.removeLast().close()
      try await until {
        let next = try await RawGateway.connect(stage.path)
        defer { next.close() }
        return try await next.stays()
      }
      for gateway in all { gateway.close() }
    }
  }

  /// Whoever is there alone keeps nobody out, and whoever says what becomes of jobs is not sent away for a newcomer.
  @Test func whoSaysNothingMakesRoom() async throws {
    try await PushStage.with { stage in
      let worker = TestGateway(stage.path)
      // It is there before the others.
      try await until { stage.relay.lines.all.joined().contains("gateway connected") }
      // One more than there is room for: whichever the relay comes to last is sent away.
      var all: [RawGateway] = []
      for _ in 0..<RelayLimits.pushGateways { all.append(try await RawGateway.connect(stage.path)) }
      try await until { all.count { !$0.isOpen } == 1 }
      let silent = all.filter(\.isOpen)
      stage.relay.clock.advance(RelayLimits.pushPatience)
      // Each had as much to do, so the first that came has it.
      try await stage.put(1)
      try await until { worker.all.count == 1 }
      try await until { try await stage.relay.metric("sotto_relay_push_jobs_total{result=\"queued\"}") == 1 }
      let late = try await RawGateway.connect(stage.path)
      #expect(try await late.stays())
      try await until {
        var left = 0
        for gateway in silent { if try await gateway.stays() { left += 1 } }
        return left == silent.count - 1
      }
      #expect(worker.isConnected && worker.all.count == 1)
      for gateway in silent + [late] { gateway.close() }
      await worker.stop()
    }
  }

  /// A machine's clock says when it is, not for how long a gateway is silent.
  @Test func aClockThatIsSetBackSendsNobodyAway() async throws {
    try await PushStage.with { stage in
      var all: [RawGateway] = []
      // In whatever order the relay sees them, one is too many.
      for _ in 0...RelayLimits.pushGateways { all.append(try await RawGateway.connect(stage.path)) }
      var there: [RawGateway] = []
      try await until {
        there = []
        for gateway in all where try await gateway.stays() { there.append(gateway) }
        return there.count == RelayLimits.pushGateways
      }
      all = there
      stage.relay.clock.advance(-3_600)
      let late = try await RawGateway.connect(stage.path)
      try await until(within: 20) { try await !late.stays() }
      for gateway in all {
        let isThere = try await gateway.stays()
        #expect(isThere)
        gateway.close()
      }
      late.close()
    }
  }

  @Test func thePlaceOfWhoIsSilentLongestIsGiven() {
    let start = ContinuousClock.now
    func at(_ seconds: Int) -> ContinuousClock.Instant { start + .seconds(seconds) }
    var places = PushPlaces()
    for number in 1...8 {
      let taken = places.take(now: at(number))
      #expect(taken?.gateway == number && taken?.instead == nil)
    }
    places.hears(1, now: at(100))
    let early = places.take(now: at(121))
    #expect(early?.gateway == nil)
    let second = places.take(now: at(122))
    #expect(second?.gateway == 9 && second?.instead == 2)
    // Who is gone is not heard, and leaves a place.
    places.hears(2, now: at(122))
    places.leaves(3)
    let third = places.take(now: at(123))
    #expect(third?.gateway == 10 && third?.instead == nil)
    let full = places.take(now: at(123))
    #expect(full?.gateway == nil)
    let last = places.take(now: at(124))
    #expect(last?.instead == 4)
  }

  @Test func aSocketThatSomebodyAnswersAtIsNotTaken() async throws {
    try await PushStage.with { stage in
      await #expect(throws: StartFailure.self) { _ = try await PushStage.start(in: Folder(), stage.path) }
      // It is still there, and works.
      let gateway = TestGateway(stage.path)
      try await stage.put(1)
      try await until { gateway.all.count == 1 }
      await gateway.stop()
    }
    let folder = Folder()
    do {
      _ = try await PushStage.start(in: folder, folder.path + "/none/s")
      Issue.record("there is no such folder")
    } catch let failure as StartFailure {
      #expect(failure.exitCode == 69 && failure.what.contains(folder.path + "/none/s"))
    }
    // What is no socket is nobody's to remove.
    try "mine".write(toFile: folder.path + "/file", atomically: true, encoding: .utf8)
    await #expect(throws: StartFailure.self) { _ = try await PushStage.start(in: folder, folder.path + "/file") }
    #expect(try String(contentsOfFile: folder.path + "/file", encoding: .utf8) == "mine")
  }

  /// One that a killed relay left is in nobody's way; and only user and group may connect.
  @Test func aSocketThatWasLeftIsTakenOver() async throws {
    let folder = Folder()
    let path = folder.path + "/s"
    let left = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .bind(unixDomainSocketPath: path).get()
    try await left.close()
    if !FileManager.default.fileExists(atPath: path) {
      // The library may have tidied up.
      let socket = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
      var address = sockaddr_un()
      address.sun_family = sa_family_t(AF_UNIX)
      withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
      let bound = withUnsafePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          bind(socket, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
        }
      }
      #expect(bound == 0)
      close(socket)
    }
    #expect(FileManager.default.fileExists(atPath: path))
    let relay = try await PushStage.start(in: folder, path)
    let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
    #expect(mode == 0o660)
    try await relay.stop()
  }
}
