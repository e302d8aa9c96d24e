import Foundation
import SottoRelay
import Testing

/// Relays die, and are cut off from store and bus; nothing that was acknowledged is lost, or comes twice, or late,
/// and no one-time part is handed out twice.
/// `SOTTO_SOAK=1` goes through 200,000 seeds, `SOTTO_SEED=7` through this one.
@Suite struct FleetSimulationTests {
  private static let environment = ProcessInfo.processInfo.environment
  private static let seeds: ClosedRange<UInt64> =
    environment["SOTTO_SEED"].flatMap(UInt64.init).map { $0...$0 }
    ?? 1...(environment["SOTTO_SOAK"] == "1" ? 200_000 : 200)

  /// [operation.14] [stream.4] [stream.8] [relay.18]
  @Test func nothingIsLostAndNothingIsLate() {
    var wakeups: [Wakeup: Int] = [:]
    var (acknowledged, claimed) = (0, 0)
    for seed in Self.seeds {
      let simulation = FleetSimulation(seed: seed)
      simulation.run()
      #expect(simulation.violations.isEmpty, "seed \(seed): \(simulation.violations)")
      wakeups.merge(simulation.wakeups) { $0 + $1 }
      acknowledged += simulation.acknowledged
      claimed += simulation.claimed
    }
    #expect(claimed > 10)
    print(
      "FIGURE fleet simulation: \(Self.seeds.count) seeds, \(acknowledged) acknowledged, \(claimed) one-time parts, wakeups",
      Wakeup.allCases.map { "\($0.rawValue) \(wakeups[$0] ?? 0)" }.joined(separator: ", "))
    #expect(Self.seeds.count == 1 || Wakeup.allCases.allSatisfy { (wakeups[$0] ?? 0) > 10 }, "every way was gone")
  }

  /// A store that falls back loses what came last, and gives its indexes again. Nothing else is lost by it. [operation.14]
  /// [stream.6]
  @Test func nothingButWhatTheDatabaseLostIsLost() {
    var lost = 0
    for seed in Self.seeds {
      let simulation = FleetSimulation(seed: seed, fallsBack: true)
      simulation.run()
      #expect(simulation.violations.isEmpty, "seed \(seed): \(simulation.violations)")
      lost += simulation.lost
    }
    print("FIGURE fleet simulation: \(Self.seeds.count) seeds, \(lost) envelopes lost by a database that fell back")
    #expect(Self.seeds.count == 1 || lost > 10)
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
  ) {
    expectFound(fault)
  }

  /// The same of what a store that falls back is survived by: that only what was sent is deleted, and what looks say of that.
  @Test(arguments: [FleetSimulation.Fault.deletesByIndex, .looksForget])
  func aFaultIsFoundWhenTheDatabaseFallsBack(
    _ fault: FleetSimulation.Fault
  ) {
    expectFound(fault, fallsBack: true)
  }

  private func expectFound(_ fault: FleetSimulation.Fault, fallsBack: Bool = false) {
    let found = (1...200 as ClosedRange<UInt64>).contains { seed in
      let simulation = FleetSimulation(seed: seed, without: fault, fallsBack: fallsBack)
      simulation.run()
      return !simulation.violations.isEmpty
    }
    #expect(found)
  }
}
