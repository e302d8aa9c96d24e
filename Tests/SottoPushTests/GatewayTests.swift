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
    let name = ProviderName.fcm
    private let lines: Mutex<[PushOutcome]>
    private let asked = Mutex(0)

    init(_ lines: PushOutcome...) { self.lines = Mutex(lines) }

    var count: Int { asked.withLock { $0 } }

    func wake(_ kind: PushTarget.Kind) async -> PushOutcome? {
      guard case .fcm = kind else { return nil }
      asked.withLock { $0 += 1 }
      return lines.withLock { $0.count > 1 ? $0.removeFirst() : $0[0] }
    }

    func close() async {}
  }

  private struct Bench {
    let gateway: Gateway
    let metrics = GatewayMetrics()
    let publicKey: AgreementPublicKey

    init(_ providers: any PushProvider...) {
      var entropy = SystemEntropy()
      let key = AgreementPrivateKey(from: &entropy)
      publicKey = key.publicKey
      gateway = Gateway(key: key, providers: providers, metrics: metrics, sleep: { _ in })
    }

    func job(_ kind: PushTarget.Kind) throws -> PushJob {
      PushJob(handle: PushHandle(number: 1), sealed: try #require(PushTarget(kind)).sealed(to: publicKey))
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
