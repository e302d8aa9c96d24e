import Foundation
import SottoCrypto
import SottoRelay
import SottoWire
import Synchronization
import Testing
import sotto_push

/// What becomes of a job, whatever a push service says. [push.6]
@Suite struct GatewayTests {
  /// Says one thing after the other, and the last of them for ever.
  private final class Script: PushProvider {
    let name: ProviderName
    private let lines: Mutex<[PushOutcome]>
    private let asked = Mutex(0)
    /// When it wants to be asked again whenever it is throttled.
    private let wait: Int?

    init(_ lines: PushOutcome..., by name: ProviderName = .fcm, wait: Int? = nil) {
      (self.name, self.wait) = (name, wait)
      self.lines = Mutex(lines)
    }

    var count: Int { asked.withLock { $0 } }

    func wake(_ kind: PushTarget.Kind) async -> PushReply? {
      switch (name, kind) {
      case (.fcm, .fcm), (.webPush, .webPush): break
      default: return nil
      }
      asked.withLock { $0 += 1 }
      let outcome = lines.withLock { $0.count > 1 ? $0.removeFirst() : $0[0] }
      return PushReply(outcome, wait: outcome == .throttled ? wait : nil)
    }

    func close() async {}
  }

  /// Web Push services: hosts that begin with `good` take everything at once, those with `slow` after 3 s by the gateway's
  /// clock, and all others hang until whoever waits gives up.
  private final class Hosts: PushProvider {
    let name = ProviderName.webPush
    private let clock = Mutex(ContinuousClock.now)
    private let hung = Mutex<Set<String>>([])
    private let over = Mutex(0)

    var now: ContinuousClock.Instant { clock.withLock { $0 } }
    /// Hosts that somebody asked and that hung.
    var hanging: Int { hung.withLock { $0.count } }
    /// How often somebody has given up.
    var ended: Int { over.withLock { $0 } }

    func wake(_ kind: PushTarget.Kind) async -> PushReply? {
      guard case .webPush(let url, _, _) = kind else { return nil }
      if url.hasPrefix("https://good") { return PushReply(.woken) }
      if url.hasPrefix("https://slow") {
        clock.withLock { $0 = $0.advanced(by: .seconds(3)) }
        return PushReply(.woken)
      }
      hung.withLock { _ = $0.insert(url) }
      try? await Task.sleep(for: .seconds(120))
      over.withLock { $0 += 1 }
      return PushReply(.busy)
    }

    func close() async {}
  }

  private struct Bench {
    let gateway: Gateway
    let metrics = GatewayMetrics()
    let publicKey: AgreementPublicKey

    /// Time stands still for it, or is that of a test.
    init(_ providers: any PushProvider..., now: (@Sendable () -> ContinuousClock.Instant)? = nil) {
      let start = ContinuousClock.now
      let still: @Sendable () -> ContinuousClock.Instant = { start }
      var entropy = SystemEntropy()
      let key = AgreementPrivateKey(from: &entropy)
      publicKey = key.publicKey
      gateway = Gateway(key: key, providers: providers, metrics: metrics, now: now ?? still, sleep: { _ in })
    }

    func job(_ kind: PushTarget.Kind, handle: UInt128 = 1) throws -> PushJob {
      PushJob(handle: PushHandle(number: handle), sealed: try #require(PushTarget(kind)).sealed(to: publicKey))
    }

    func job(at host: String) throws -> PushJob {
      try job(
        .webPush(
          endpoint: "https://\(host).example/", key: Trap.point(), auth: [UInt8](repeating: 1, count: 16)))
    }

    func count(_ labels: String) -> String? {
      metrics.text.split(separator: "\n").first { $0.hasPrefix("sotto_push_pushes_total{\(labels)}") }
        .map { String($0.split(separator: " ")[1]) }
    }
  }

  private let fcm = PushTarget.Kind.fcm(token: "a")

  @Test(arguments: [
    (PushOutcome.woken, PushVerdict.done, "woken", 1), (.gone, .gone, "gone", 1), (.refused, .done, "refused", 1),
    (.unauthorized, .later, "unauthorized", 1), (.busy, .later, "later", 3), (.throttled, .later, "later", 1),
  ])
  func everyOutcomeHasAnEnd(outcome: PushOutcome, verdict: PushVerdict, word: String, attempts: Int) async throws {
    let script = Script(outcome)
    let bench = Bench(script)
    #expect(await bench.gateway.carryOut(try bench.job(fcm)) == verdict)
    #expect(script.count == attempts)
    #expect(bench.count("provider=\"fcm\",result=\"\(word)\"") == "1")
  }

  @Test func aServiceThatIsBusyForAMomentIsAskedAgain() async throws {
    let script = Script(.busy, .busy, .woken)
    let bench = Bench(script)
    #expect(await bench.gateway.carryOut(try bench.job(fcm)) == .done)
    #expect(script.count == 3)
  }

  /// One that only wastes time is left alone, and others are not.
  @Test func aHostThatFailsInARowIsLeftAlone() async throws {
    let script = Script(.busy)
    let bench = Bench(script)
    for _ in 0..<4 { #expect(await bench.gateway.carryOut(try bench.job(fcm)) == .later) }
    #expect(script.count == 5, "and then nobody asks")
    let rests = HostRests()
    for _ in 0..<5 { await rests.note("a", isBusy: true) }
    #expect(await rests.rests("a"))
    #expect(await !rests.rests("b"))
    await rests.note("a", isBusy: false)
    #expect(await !rests.rests("a"))
    for _ in 0..<4 { await rests.note("a", isBusy: true) }
    #expect(await !rests.rests("a"), "not in a row")
    // Names are free: what is kept of them has a bound.
    for host in 0..<2_000 { for _ in 0..<5 { await rests.note("\(host)", isBusy: true) } }
    #expect(await rests.count <= 640)
  }

  /// Push services have one host for everybody, and say 429 about one device too.
  @Test func aDeviceThatIsWokenTooOftenSilencesNobodyElse() async throws {
    let script = Script(.throttled, .throttled, .throttled, .throttled, .throttled, .woken)
    let bench = Bench(script)
    for _ in 0..<5 { #expect(await bench.gateway.carryOut(try bench.job(.fcm(token: "a"))) == .later) }
    #expect(await bench.gateway.carryOut(try bench.job(.fcm(token: "b"))) == .done)
    // Nor does it make good what the service failed in before: three, and two, and then nobody asks.
    let failing = Script(.busy, .busy, .busy, .throttled, .busy)
    let other = Bench(failing)
    for _ in 0..<4 { #expect(await other.gateway.carryOut(try other.job(fcm)) == .later) }
    #expect(failing.count == 6)
    // So it is with Web Push: a browser's service is one host for all who have that browser.
    let push = Script(.throttled, .throttled, .throttled, .throttled, .throttled, .woken, by: .webPush)
    let strangers = Bench(push)
    for _ in 0..<5 { #expect(await strangers.gateway.carryOut(try strangers.job(at: "a")) == .later) }
    #expect(await strangers.gateway.carryOut(try strangers.job(at: "a")) == .done)
    // Unless it takes its time to say so: a host that a stranger named holds nobody up.
    let clock = Mutex(ContinuousClock.now)
    let slow = Script(.throttled, by: .webPush)
    let held = Bench(
      slow,
      now: {
        clock.withLock { clock in
          clock = clock.advanced(by: .seconds(3))
          return clock
        }
      })
    for _ in 0..<6 { #expect(await held.gateway.carryOut(try held.job(at: "a")) == .later) }
    #expect(slow.count == 5)
  }

  /// When a service wants to be asked again is kept for the device that it said it of, and holds nobody else up.
  @Test func aDeviceWaitsForAsLongAsItsServiceSays() async throws {
    let clock = Mutex(ContinuousClock.now)
    func pass(_ seconds: Int) { clock.withLock { $0 = $0.advanced(by: .seconds(seconds)) } }
    let script = Script(.throttled, .woken, wait: 900)
    let bench = Bench(script, now: { clock.withLock { $0 } })
    let (first, second) = (try bench.job(fcm), try bench.job(fcm, handle: 2))
    #expect(await bench.gateway.carryOut(first) == .later)
    // It comes back every five minutes.
    for _ in 0..<2 {
      pass(300)
      #expect(await bench.gateway.carryOut(first) == .later)
    }
    #expect(script.count == 1, "nobody asks")
    #expect(bench.count("provider=\"fcm\",result=\"later\"") == "3")
    #expect(await bench.gateway.carryOut(second) == .done)
    pass(300)
    #expect(await bench.gateway.carryOut(first) == .done)
    #expect(script.count == 3)
  }

  /// However long a service wants to be left alone, it is asked once more before the job is given up.
  @Test func aJobIsNotGivenUpUnasked() async throws {
    let clock = Mutex(ContinuousClock.now)
    let longest = try #require(RetryAfter.seconds("86400", now: .now))
    let script = Script(.throttled, .woken, wait: longest)
    let bench = Bench(script, now: { clock.withLock { $0 } })
    let job = try bench.job(fcm)
    #expect(await bench.gateway.carryOut(job) == .later)
    var rounds = 0
    var verdict = PushVerdict.later
    while verdict == .later, rounds < 20 {
      rounds += 1
      clock.withLock { $0 = $0.advanced(by: .seconds(RelayLimits.pushRest)) }
      verdict = await bench.gateway.carryOut(job)
    }
    // What has waited as often as it may is given to nobody.
    #expect(verdict == .done && rounds < RelayLimits.pushRounds)
    #expect(script.count == 2)
  }

  @Test func whatIsKeptOfWaitsHasBounds() async {
    let (waits, start) = (DeviceWaits(), ContinuousClock.now)
    func device(_ number: Int) -> PushHandle { PushHandle(number: UInt128(number)) }
    await waits.note(device(0), at: .apns, seconds: 400, now: start)
    #expect(await waits.provider(of: device(0), now: start + .seconds(399)) == .apns)
    #expect(await waits.provider(of: device(1), now: start) == nil)
    #expect(await waits.provider(of: device(0), now: start + .seconds(400)) == nil)
    #expect(await waits.count == 0)
    // Those that are over go first.
    for number in 0..<16_384 { await waits.note(device(number), at: .fcm, seconds: number < 9 ? 1 : 900, now: start) }
    await waits.note(device(20_000), at: .fcm, seconds: 900, now: start + .seconds(2))
    #expect(await waits.count == 16_384 - 9 + 1)
    for number in 30_000..<60_000 { await waits.note(device(number), at: .fcm, seconds: 900, now: start) }
    #expect(await waits.count <= 16_384)
  }

  @Test func whenToAskAgainIsANumberOrADate() {
    let now = Date(timeIntervalSince1970: 784_111_777)
    for (text, seconds) in [
      ("0", 0), ("120", 120), ("3600", 3_300), ("86400", 3_300), (String(repeating: "9", count: 40), 3_300),
      ("Sun, 06 Nov 1994 08:59:37 GMT", 600), ("Sun, 06 Nov 1994 08:49:37 GMT", 0),
      ("Mon, 07 Nov 1994 08:49:37 GMT", 3_300), ("Sat, 05 Nov 1994 08:49:37 GMT", 0), ("", nil), ("-1", nil),
      ("soon", nil), ("1.5", nil), ("12 ", nil),
    ] as [(String, Int?)] {
      #expect(RetryAfter.seconds(text, now: now) == seconds, "\(text)")
    }
  }

  /// Whoever names a hundred hosts that all hang stops neither APNs and FCM nor the Web Push services that work.
  @Test func aSubscriberCannotTakeEveryPlace() async throws {
    let hosts = Hosts()
    let bench = Bench(hosts, Script(.woken), now: { hosts.now })
    let gateway = bench.gateway
    for host in ["good", "slow"] { #expect(await gateway.carryOut(try bench.job(at: host)) == .done) }
    let jobs = try (0..<100).map { try bench.job(at: "hangs-\($0)") }
    let (good, late, slow) = (try bench.job(at: "good"), try bench.job(at: "good-late"), try bench.job(at: "slow"))
    let device = try bench.job(fcm)
    await withTaskGroup(of: PushVerdict.self) { group in
      for job in jobs { group.addTask { await gateway.carryOut(job) } }
      for _ in 0..<36 {
        let verdict = await group.next()
        #expect(verdict == .later)
      }
      #expect(await gateway.carryOut(device) == .done)
      #expect(await gateway.carryOut(good) == .done, "it has proved itself")
      #expect(await gateway.carryOut(slow) == .later, "it took too long")
      // As often as would count, if it did.
      for _ in 0..<6 { #expect(await gateway.carryOut(late) == .later) }
      #expect(hosts.ended == 0, "all this while the others hang")
      group.cancelAll()
    }
    #expect(hosts.hanging == 64)
    #expect(bench.count("provider=\"web-push\",result=\"later\"") == "107")
    // Every place is free again, and nothing was held against whom there was none for.
    #expect(await gateway.carryOut(late) == .done)
    for number in 0..<200 { #expect(await gateway.carryOut(try bench.job(at: "good-\(number)")) == .done) }
  }

  @Test func placesAreCounted() async throws {
    let places = WebPushPlaces()
    await places.note("a", isGood: true)
    for _ in 0..<192 { #expect(await places.take(for: "a") == .proven) }
    #expect(await places.take(for: "a") == nil, "the rest is for APNs and FCM")
    #expect(await places.take(for: "b") == nil)
    for _ in 0..<192 { await places.giveBack(.proven) }
    for number in 0..<64 { #expect(await places.take(for: "\(number)") == .stranger) }
    #expect(await places.take(for: "b") == nil)
    #expect(await places.take(for: "web.push.apple.com") == .proven, "everybody knows it")
    // What it was when it came is given back, whatever it is by then.
    await places.note("0", isGood: true)
    await places.giveBack(.stranger)
    #expect(await places.take(for: "b") == .stranger)
    await places.note("a", isGood: false)
    #expect(await places.take(for: "a") == nil)
    #expect(await places.take(for: "0") == .proven)
    // Names are free: what is kept of them has a bound, and the oldest go.
    for number in 1_000..<3_000 { await places.note("\(number)", isGood: true) }
    #expect(await places.count == 640)
    #expect(await places.take(for: "0") == nil)
    #expect(await places.take(for: "2999") == .proven)
  }

  /// Google says an hour. A number that a gateway cannot count with ended it.
  @Test func whatATokenIsSaidToBeGoodForHasBounds() {
    #expect(ServiceAnswer.end(1_000, expiresIn: 3_599) == 4_539)
    for seconds in [Int.min, -1, 0, 59, 60] {
      #expect(ServiceAnswer.end(1_000, expiresIn: seconds) == 1_000, "\(seconds)")
    }
    for seconds in [86_400, Int.max] {
      #expect(ServiceAnswer.end(1_000, expiresIn: seconds) == 44_140, "\(seconds)")
    }
  }

  @Test func whatIsNotForThisGatewayIsDoneWith() async throws {
    let bench = Bench(Script(.woken))
    let other = Bench()
    #expect(await bench.gateway.carryOut(try other.job(fcm)) == .done)
    #expect(await bench.gateway.carryOut(PushJob(handle: PushHandle(number: 1), sealed: [1])) == .done)
    #expect(bench.count("provider=\"none\",result=\"unreadable\"") == "2")
    #expect(await bench.gateway.carryOut(try bench.job(.apns(token: [1], isSandbox: false))) == .done)
    #expect(bench.count("provider=\"none\",result=\"unknown\"") == "1")
  }

  /// Nothing that is counted says who. [leakage.8]
  @Test func metricsHaveTheWordsOfTheTableAlone() async throws {
    let bench = Bench(Script(.woken))
    _ = await bench.gateway.carryOut(try bench.job(.fcm(token: "canary")))
    let text = bench.metrics.text
    #expect(!text.contains("canary"))
    for metric in GatewayMetric.allCases { #expect(text.contains("# HELP \(metric.rawValue) ")) }
  }
}
