import Foundation
import SottoSession
import SottoSimulation
import Testing

/// Ratchet and sessions against a plain model of their specification, over a network that does its worst: of every event
/// it is said beforehand what comes of it. `SOTTO_SEED=n` replays one schedule; `SOTTO_SOAK=1` runs 5 million events,
/// `SOTTO_SCHEDULES=n` any number of schedules.
@Suite(.sealsAreWatched) struct ModelTests {
  private static let environment = ProcessInfo.processInfo.environment
  private static let seeds: ClosedRange<UInt64> = {
    if let one = environment["SOTTO_SEED"].flatMap(UInt64.init) { return one...one }
    return 1...(environment["SOTTO_SCHEDULES"].flatMap(UInt64.init) ?? usual)
  }()

  #if DEBUG
    private static let usual: UInt64 = 200
  #else
    private static let usual: UInt64 = environment["SOTTO_SOAK"] == "1" ? 25_000 : 10_000
  #endif

  // [ratchet.6] [ratchet.7] [ratchet.8] [ratchet.9] [ratchet.10] [ratchet.13] [ratchet.14] [ratchet.16] [sessions.3]
  // [sessions.4] [sessions.5] [sessions.6] [sessions.7] [sessions.8] [sessions.9] A13
  @Test func everyEventEndsAsTheModelSays() async throws {
    let workers = UInt64(max(1, ProcessInfo.processInfo.activeProcessorCount))
    let total = try await withThrowingTaskGroup(of: Tally.self) { group in
      for worker in 0..<workers { group.addTask { try Self.run(worker, of: workers) } }
      return try await group.reduce(into: Tally()) { $0.add($1) }
    }
    let stages = total.refused.sorted { $0.key.rawValue < $1.key.rawValue }.map { "\($0.key) \($0.value)" }
    print(
      "FIGURE state machine against its model: \(total.schedules) schedules, \(total.schedules * 200) events,",
      "\(total.shown) opened, refused: \(stages.joined(separator: ", "))")
    guard Self.seeds.count >= 1000 else { return }
    // A model that is never asked says nothing: every fate that a schedule can bring has come.
    let expected: Set<RefusalStage> = [
      .encoding, .header, .gap, .replay, .commitment, .message, .box0, .prekey, .box1, .validity,
    ]
    #expect(Set(total.refused.keys) == expected)
  }

  private struct Tally {
    var schedules = 0
    var shown = 0
    var refused: [RefusalStage: Int] = [:]

    mutating func add(_ other: Tally) {
      schedules += other.schedules
      shown += other.shown
      refused.merge(other.refused, uniquingKeysWith: +)
    }
  }

  private static func run(_ worker: UInt64, of workers: UInt64) throws -> Tally {
    var tally = Tally()
    let shared = try SealLedger().watching { try SharedSessions() }
    for seed in seeds where seed % workers == worker {
      let ledger = SealLedger()
      var schedule = ModelSchedule(seed: seed, with: shared)
      do {
        try ledger.watching { try schedule.run() }
      } catch {
        Issue.record("seed \(seed): \(error). Replay it with SOTTO_SEED=\(seed).")
      }
      #expect(ledger.reuses == 0, "seed \(seed)")
      tally.add(Tally(schedules: 1, shown: schedule.shown, refused: schedule.refused))
    }
    return tally
  }
}
