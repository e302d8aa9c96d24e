import Foundation
import SottoRelay
import SottoSimulation
import Testing

/// Relays die, and are cut off from store and bus; nothing that was acknowledged is lost, or comes twice, or late,
/// and no one-time part is handed out twice.
/// `SOTTO_SOAK=1` goes through 200,000 seeds, `SOTTO_SEED=7` through this one, `SOTTO_SEED=201-9000` through these.
@Suite struct FleetSimulationTests {
  private static let environment = ProcessInfo.processInfo.environment
  private static let seeds: ClosedRange<UInt64> = {
    guard let text = environment["SOTTO_SEED"] else { return 1...(environment["SOTTO_SOAK"] == "1" ? 200_000 : 200) }
    let ends = text.split(separator: "-").map { UInt64($0)! }
    return ends[0]...ends[ends.count - 1]
  }()

  /// What became of all seeds.
  private struct Outcome: Sendable {
    var violations: [String] = []
    var wakeups: [String: Int] = [:]
    var acknowledged = 0
    var claimed = 0
    var lost = 0
  }

  /// On a thread of its own: it computes for seconds, in which other tests go on.
  private static func run(fallsBack: Bool = false) async throws -> Outcome {
    try await onThread {
      var outcome = Outcome()
      for seed in Self.seeds {
        let simulation = FleetSimulation(seed: seed, fallsBack: fallsBack)
        simulation.run()
        outcome.violations += simulation.violations.map { "seed \(seed): \($0)" }
        for (way, count) in simulation.wakeups { outcome.wakeups[way.rawValue, default: 0] += count }
        outcome.acknowledged += simulation.acknowledged
        outcome.claimed += simulation.claimed
        outcome.lost += simulation.lost
      }
      return outcome
    }
  }

  /// [operation.14] [stream.4] [stream.8] [relay.18]
  @Test func nothingIsLostAndNothingIsLate() async throws {
    let outcome = try await Self.run()
    #expect(outcome.violations.isEmpty, "\(outcome.violations)")
    #expect(outcome.claimed > 10)
    let ways = Wakeup.allCases.map { (name: $0.rawValue, count: outcome.wakeups[$0.rawValue] ?? 0) }
    print(
      "FIGURE fleet simulation: \(Self.seeds.count) seeds, \(outcome.acknowledged) acknowledged,",
      "\(outcome.claimed) one-time parts, wakeups",
      ways.map { "\($0.name) \($0.count)" }.joined(separator: ", "))
    #expect(Self.seeds.count == 1 || ways.allSatisfy { $0.count > 10 }, "every way was gone")
  }

  /// A store that falls back loses what came last, and gives its indexes again. Nothing else is lost by it. [operation.14]
  /// [stream.6]
  @Test func nothingButWhatTheDatabaseLostIsLost() async throws {
    let outcome = try await Self.run(fallsBack: true)
    #expect(outcome.violations.isEmpty, "\(outcome.violations)")
    print(
      "FIGURE fleet simulation: \(Self.seeds.count) seeds, \(outcome.lost) envelopes lost by a database that fell back")
    #expect(Self.seeds.count == 1 || outcome.lost > 10)
  }

  @Test func aSeedIsOneStory() {
    let twice = (0..<2).map { _ in
      let simulation = FleetSimulation(seed: 3)
      simulation.run()
      return (simulation.acknowledged, simulation.wakeups)
    }
    #expect(twice[0] == twice[1])
  }

  /// What is left out is missed: looks, what a claim says of before, whether it is still wanted, which batches were taken in,
  /// and the end of a relay's sockets when it does not reach the store.
  @Test(arguments: [FleetSimulation.Fault.noLooks, .claimsForget, .lateClaims, .batchesForget, .staysWhenCutOff])
  func aPlantedFaultIsFound(
    _ fault: FleetSimulation.Fault
  ) async throws {
    try await expectFound(fault)
  }

  /// The same of what a store that falls back is survived by: that only what was sent is deleted, and what looks say of that.
  @Test(arguments: [FleetSimulation.Fault.deletesByIndex, .looksForget])
  func aFaultIsFoundWhenTheDatabaseFallsBack(
    _ fault: FleetSimulation.Fault
  ) async throws {
    try await expectFound(fault, fallsBack: true)
  }

  private func expectFound(_ fault: FleetSimulation.Fault, fallsBack: Bool = false) async throws {
    let isFound = try await onThread {
      (1...200 as ClosedRange<UInt64>).contains { seed in
        let simulation = FleetSimulation(seed: seed, without: fault, fallsBack: fallsBack)
        simulation.run()
        return !simulation.violations.isEmpty
      }
    }
    #expect(isFound)
  }
}
