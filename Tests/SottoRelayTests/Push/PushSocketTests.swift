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

/// A single relay and its gateway, over a real socket. [push.10]
@Suite struct PushSocketTests {
  @Test func oneForAllThatComesUntilTheOwnerLooks() async throws {
    try await PushStage.with { stage in
      let gateway = TestGateway(stage.path)
      try await until { gateway.isConnected }
      try await stage.put(1)
      try await until { gateway.all.count == 1 }
      #expect(gateway.all[0].sealed == [5, 5])
      try await until { try await stage.relay.metric("sotto_relay_push_jobs_total{result=\"queued\"}") == 1 }
      for number in 2...5 { try await stage.put(number) }
      // Who did not ask is not woken.
      try await stage.put(1, to: 2)
      #expect(try await stage.look() == 5)
      #expect(gateway.all.count == 1)
      try await stage.put(6)
      try await until { gateway.all.count == 2 }
      #expect(gateway.all[1] == gateway.all[0], "the same subscription, the same handle")
      try await stage.subscribe(1, [], 10)
      #expect(try await stage.look() == 1)
      try await stage.put(7)
      try await Task.sleep(for: .milliseconds(300))
      #expect(gateway.all.count == 2)
      await gateway.stop()
      let lines = stage.relay.lines.all.joined()
      #expect(lines.contains("gateway connected"))
      try await until { stage.relay.lines.all.joined().contains("gateway lost") }
    }
  }

  /// What was written to a stream that nobody read waits when it ends.
  @Test func whatWasSentIntoTheVoidWakes() async throws {
    try await PushStage.with { stage in
      let gateway = TestGateway(stage.path)
      let owner = Owner(1)
      let stream = try await StreamClient.connect(to: stage.relay, owner.mailbox)
      try await stream.authenticate(owner.key, at: stage.relay)
      _ = try await stream.untilCaughtUp()
      try await stage.put(1)
      try await until { !(try await stream.isQuiet(for: .milliseconds(5))) }
      #expect(gateway.all.isEmpty)
      stream.close()
      try await until { gateway.all.count == 1 }
      await gateway.stop()
    }
  }

  /// Whoever takes what there is and goes at once is not woken for it, however slow the store is to forget it.
  @Test func whoTookEverythingIsNotWoken() async throws {
    try await PushStage.with { stage in
      let gateway = TestGateway(stage.path)
      try await until { gateway.isConnected }
      let owner = Owner(1)
      for number in 1...8 {
        try await stage.put(number)
        try await until { gateway.all.count == number }
        let stream = try await StreamClient.connect(to: stage.relay, owner.mailbox)
        let epoch = try await stream.authenticate(owner.key, at: stage.relay)
        // The close is on its heels.
        _ = try await stream.untilCaughtUp(acknowledging: epoch)
        stream.send(raw: [0x03, 0xe8], opcode: .connectionClose)
        try await until { try await owner.status(at: stage.relay).envelopes == 0 }
        try await Task.sleep(for: .milliseconds(150))
        #expect(gateway.all.count == number)
      }
      await gateway.stop()
    }
  }

  /// What waits when the relay ends a stream wakes, also if the store has not yet forgotten what was taken on it, or does
  /// not. [push.2]
  @Test(arguments: [false, true])
  func whatWaitsWhenTheRelayEndsAStreamWakes(_ isFull: Bool) async throws {
    try await PushStage.with { stage in
      let gateway = TestGateway(stage.path)
      for number in 1...2 { try await stage.put(number) }
      try await until { gateway.all.count == 1 }
      let owner = Owner(1)
      let stream = try await StreamClient.connect(to: stage.relay, owner.mailbox)
      let epoch = try await stream.authenticate(owner.key, at: stage.relay)
      #expect(try await stream.untilCaughtUp().count == 2)
      var patient = Configuration()
      patient.busyMode = .timeout(60)
      let queue = try DatabaseQueue(path: stage.relay.folder.path + "/relay.sqlite", configuration: patient)
      let full = "CREATE TRIGGER full BEFORE UPDATE OF acknowledged ON mailbox BEGIN SELECT RAISE(FAIL, 'full'); END"
      if isFull { try await queue.write { try $0.execute(sql: full) } }
      stream.send(.ack(index: 1, restoreEpoch: epoch))
      // No stream has that.
      if !isFull { stream.send(raw: [0], opcode: .text) }
      #expect(try await stream.next() == .frame(.closing(isFull ? .unavailable : .protocolError)))
      try await until { gateway.all.count == 2 }
      if isFull { try await queue.write { try $0.execute(sql: "DROP TRIGGER full") } }
      try queue.close()
      stream.close()
      await gateway.stop()
    }
  }

  /// A stream that opens and ends at once leaves its owner to be woken: whichever of the two the store hears of first.
  @Test func aStreamThatDiesAtOnceKeepsNobodyAsleep() async throws {
    try await PushStage.with { stage in
      let gateway = TestGateway(stage.path)
      try await stage.put(1)
      try await until { gateway.all.count == 1 }
      for round in 2...20 {
        let owner = Owner(1)
        let stream = try await StreamClient.connect(to: stage.relay, owner.mailbox)
        try await stream.authenticate(owner.key, at: stage.relay)
        stream.close()
        // Sometimes before the relay has read the answer: then there was no stream.
        var tries = 0
        while gateway.all.count < round, tries < 200 {
          tries += 1
          try await Task.sleep(for: .milliseconds(10))
        }
        if gateway.all.count < round {
          let second = try await StreamClient.connect(to: stage.relay, owner.mailbox)
          try await second.authenticate(owner.key, at: stage.relay)
          _ = try await second.next()
          second.close()
          try await until { gateway.all.count >= round }
        }
      }
      await gateway.stop()
    }
  }

  /// The job waits in the store: for a gateway, for the next one, and for the next run of the relay.
  @Test func aJobOutlivesGatewayAndRelay() async throws {
    let folder = Folder()
    let path = folder.path + "/s"
    var relay = try await PushStage.start(in: folder, path)
    let stage = PushStage(relay: relay, path: path)
    for seed in [1, 2] as [UInt8] {
      try await Owner(seed).register(at: relay)
      try await stage.subscribe(seed, [seed], 9)
      try await stage.put(Int(seed), to: seed)
    }
    // One that takes both and dies with them.
    let dying = try await RawGateway.connect(path)
    try await until { dying.requests.count == 2 }
    #expect(Set(dying.requests.map(\.job.sealed)) == [[1], [2]])
    dying.close()
    try await until { try await relay.metric("sotto_relay_push_jobs_total{result=\"failed\"}") == 2 }
    // One that has both and says of one what became of it.
    let second = try await RawGateway.connect(path)
    try await until { second.requests.count == 2 }
    let first = try #require(second.requests.first { $0.job.sealed == [1] })
    second.send(PushAnswer(number: first.number, .done).encoded)
    try await until { try await relay.metric("sotto_relay_push_jobs_total{result=\"queued\"}") == 1 }
    try await relay.stop()
    relay = try await PushStage.start(in: folder, path)
    let third = TestGateway(path)
    try await until { third.all.count == 1 }
    #expect(third.all[0].sealed == [2])
    try await until { try await relay.metric("sotto_relay_push_jobs_total{result=\"queued\"}") == 1 }
    await third.stop()
    // Nothing is due any more.
    let last = TestGateway(path)
    try await until { last.isConnected }
    try await Task.sleep(for: .milliseconds(300))
    #expect(last.all.isEmpty)
    await last.stop()
    try await relay.stop()
  }

  /// A push that had not even become due when the relay was killed is due when it starts.
  @Test func whatTheRelayDidNotGetToIsDueWhenItStarts() async throws {
    let folder = Folder()
    let store = try SQLiteStore(path: folder.path + "/relay.sqlite")
    let contract = try StoreContract { store }
    let mailbox = try await contract.registered(1)
    try await store.setPush(mailbox, [3], by: contract.mutation(1, 3))
    let arrival = Arrival(
      mailbox: mailbox, id: envelopeID(1), capability: Owner(1).contact.hash, bytes: envelope(1))
    #expect(await submit([arrival], to: store) == [.stored])
    try await store.close()
    let relay = try await PushStage.start(in: folder, folder.path + "/s")
    let gateway = TestGateway(folder.path + "/s")
    try await until { gateway.all.map(\.sealed) == [[3]] }
    await gateway.stop()
    try await relay.stop()
  }

  /// What a push service knows no more is asked for no more; another subscription is. [push.9]
  @Test func aSubscriptionThatIsOverIsTakenAway() async throws {
    try await PushStage.with { stage in
      let gateway = TestGateway(stage.path) { job, _ in job.sealed == [5, 5] ? .gone : .done }
      try await stage.put(1)
      try await until { try await stage.relay.metric("sotto_relay_push_jobs_total{result=\"queued\"}") == 1 }
      #expect(try await stage.look() == 1)
      try await stage.put(2)
      try await Task.sleep(for: .milliseconds(300))
      #expect(gateway.all.count == 1)
      try await stage.subscribe(1, [6], 10)
      #expect(try await stage.look() == 1)
      try await stage.put(3)
      try await until { gateway.all.count == 2 }
      #expect(gateway.all[1].sealed == [6])
      await gateway.stop()
    }
  }

  /// One that cannot be carried out now does not come back at once; and whoever names a push service that takes nothing
  /// pages nobody.
  @Test func whatCannotBeCarriedOutRests() async throws {
    try await PushStage.with { stage in
      let gateway = TestGateway(stage.path) { _, _ in .later }
      try await stage.put(1)
      try await until { gateway.all.count == 1 }
      try await Task.sleep(for: .seconds(RelayLimits.pushSeconds + 1))
      #expect(gateway.all.count == 1)
      #expect(try await stage.relay.metric("sotto_relay_push_jobs_total{result=\"failed\"}") == 0)
      await gateway.stop()
    }
  }

  /// A gateway that is told to stop ends what it has in hand, and leaves the rest.
  @Test func aGatewayThatStopsEndsWhatItHasInHand() async throws {
    try await PushStage.with { stage in
      let gateway = TestGateway(stage.path) { _, _ in
        try? await Task.sleep(for: .milliseconds(500))
        return .done
      }
      try await stage.put(1)
      try await until { gateway.all.count == 1 }
      await gateway.stop()
      try await until { try await stage.relay.metric("sotto_relay_push_jobs_total{result=\"queued\"}") == 1 }
      let next = TestGateway(stage.path)
      try await until { next.isConnected }
      try await Task.sleep(for: .milliseconds(300))
      #expect(next.all.isEmpty)
      await next.stop()
    }
  }

  /// One push more a day as long as the owner has not looked, although nothing happens. [push.2]
  @Test func aNewDayAsksAgain() async throws {
    try await PushStage.with { stage in
      let gateway = TestGateway(stage.path)
      try await stage.put(1)
      try await until { try await stage.relay.metric("sotto_relay_push_jobs_total{result=\"queued\"}") == 1 }
      stage.relay.clock.advance(86_400)
      try await until { gateway.all.count == 2 }
      await gateway.stop()
    }
  }

  /// Whoever makes due again and again what was, has somebody asked no more often than one may. What waits then is asked for
  /// later, and once; not if the owner has looked. [push.12]
  @Test func whoIsWokenTooOftenIsWokenLater() async throws {
    try await PushStage.with { stage in
      let gateway = TestGateway(stage.path)
      try await until { gateway.isConnected }
      let most = Int(RelayLimits.wakeups.burst)
      for number in 1...most {
        try await stage.put(number)
        try await until { gateway.all.count == number }
        // It is another subscription, for which nobody was asked.
        try await stage.subscribe(1, [UInt8(number)], 9 + UInt64(number))
      }
      for number in most + 1...most + 3 {
        try await stage.put(number)
        try await stage.subscribe(1, [UInt8(number)], 9 + UInt64(number))
      }
      try await stage.put(most + 4)
      // Nobody else waits for it. Whoever is woken after it was its turn too.
      try await stage.subscribe(2, [100], 9)
      try await stage.put(1, to: 2)
      try await until { gateway.all.last?.sealed == [100] }
      #expect(gateway.all.count == most + 1)
      stage.relay.clock.advance(RelayLimits.wakeups.interval)
      try await until { gateway.all.count == most + 2 }
      #expect(gateway.all.last?.sealed == [UInt8(most + 3)], "the newest subscription")

      try await stage.subscribe(1, [101], 50)
      try await stage.put(most + 5)
      #expect(try await stage.look() == most + 5)
      stage.relay.clock.advance(RelayLimits.wakeups.interval)
      try await stage.subscribe(2, [102], 10)
      try await stage.put(2, to: 2)
      try await until { gateway.all.last?.sealed == [102] }
      #expect(gateway.all.count == most + 3)
      await gateway.stop()
    }
  }

  /// A disk that is full keeps nobody from reading; that the owner looked is written down later.
  @Test func aStoreThatTakesNothingCanBeRead() async throws {
    try await PushStage.with { stage in
      let gateway = TestGateway(stage.path)
      try await stage.put(1)
      try await until { try await stage.relay.metric("sotto_relay_push_jobs_total{result=\"queued\"}") == 1 }
      // Nobody can write meanwhile, as on a full disk, but the write waits and fails.
      var patient = Configuration()
      patient.busyMode = .timeout(60)
      let queue = try DatabaseQueue(path: stage.relay.folder.path + "/relay.sqlite", configuration: patient)
      try await queue.write {
        try $0.execute(sql: "CREATE TRIGGER full BEFORE UPDATE ON push BEGIN SELECT RAISE(FAIL, 'full'); END")
      }
      let owner = Owner(1)
      let stream = try await StreamClient.connect(to: stage.relay, owner.mailbox)
      try await stream.authenticate(owner.key, at: stage.relay)
      #expect(try await stream.untilCaughtUp().count == 1)
      try await queue.write { try $0.execute(sql: "DROP TRIGGER full") }
      try queue.close()
      stream.close()
      try await until { gateway.all.count == 2 }
      await gateway.stop()
    }
  }

  @Test func messagesOnTheSocket() throws {
    let job = PushJob(handle: PushHandle(number: 7), sealed: [9])
    let request = PushRequest(number: 258, job: job)
    #expect(request.encoded == [0, 0, 0, 0, 0, 0, 1, 2] + job.encoded)
    #expect(try PushRequest(decoding: request.encoded) == request)
    #expect(PushAnswer(number: 1, .gone).encoded == [0, 0, 0, 0, 0, 0, 0, 1, 2])
    for cut in 0..<request.encoded.count {
      #expect(throws: WireError.self) { try PushRequest(decoding: Array(request.encoded.prefix(cut))) }
    }
    #expect(throws: WireError.trailingBytes) { try PushRequest(decoding: request.encoded + [0]) }
    let longest = PushJob(handle: job.handle, sealed: [UInt8](repeating: 1, count: WireLimits.pushSubscription))
    #expect(PushRequest(number: .max, job: longest).encoded.count <= RelayLimits.pushFrame)
  }
}
