import Foundation
import SottoRelay

/// The rows of `make bench-relay`: medians over rounds, ratios within a round.
final class RelayRows {
  private struct Key: Hashable {
    let phase: LoadResult.Phase
    let inFlight: Int?
  }

  private let isJSON: Bool
  private var rounds: [Key: [LoadResult]] = [:]
  private var order: [Key] = []
  private var turn = 0
  private var peers: [String] = []

  init(isJSON: Bool) {
    self.isJSON = isJSON
    if !isJSON { BenchmarksCommand.print(Self.line(["phase", "in flight", "what", "measured", "goal", ""])) }
  }

  /// Measures one thing with each of them, in another order each time.
  func take(
    _ isCounted: Bool, relay: () async throws -> LoadResult, floor: (() async throws -> LoadResult)?,
    jetStream: (() async throws -> LoadResult)?
  ) async throws {
    turn += 1
    var (own, least, peer): (LoadResult?, LoadResult?, LoadResult?)
    for step in 0..<3 {
      switch (turn + step) % 3 {
      case 0: own = try await relay()
      case 1: least = try await floor?()
      default: peer = try await jetStream?()
      }
    }
    guard isCounted, var result = own else { return }
    result.ratioFloor = least.map { result.perSecond! / $0.perSecond! }
    result.ratioJetStream = peer.map { result.perSecond! / $0.perSecond! }
    let key = Key(phase: result.phase, inFlight: result.inFlight)
    if rounds[key] == nil { order.append(key) }
    rounds[key, default: []].append(result)
    for (name, other) in [("floor", least), ("JetStream", peer)] {
      guard let other, let perSecond = other.perSecond else { continue }
      peers.append(
        "\(name) \(result.phase.rawValue) \(result.inFlight ?? 0): \(Int(perSecond))/s, "
          + String(format: "%.1f", other.relayCPU ?? 0) + " us, generator "
          + String(format: "%.0f", (other.generatorShare ?? 0) * 100) + " %")
    }
  }

  /// Shows what was taken.
  func show() throws {
    for key in order { try show(Self.median(rounds[key] ?? [])) }
  }

  func show(_ result: LoadResult) throws {
    if isJSON {
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.sortedKeys]
      BenchmarksCommand.print(String(decoding: try encoder.encode(result), as: UTF8.self))
    } else {
      for line in Self.lines(result) { BenchmarksCommand.print(line) }
    }
  }

  /// What the others did, on standard error.
  func finish() {
    for peer in peers { BenchmarksCommand.say(peer) }
  }

  /// Each figure's median.
  static func median(_ results: [LoadResult]) -> LoadResult {
    var result = results[0]
    func of(_ figure: WritableKeyPath<LoadResult, Double?>) {
      let values = results.compactMap { $0[keyPath: figure] }.sorted()
      result[keyPath: figure] = values.isEmpty ? nil : values[values.count / 2]
    }
    for figure: WritableKeyPath<LoadResult, Double?> in [
      \.perSecond, \.relayCPU, \.generatorShare, \.p50, \.p99, \.rssPerConnection, \.ratioFloor, \.ratioJetStream,
      \.ratioShallow, \.diskRatio, \.ratioSlow,
    ] { of(figure) }
    return result
  }

  /// A figure with what it should be.
  private struct Goal {
    let name: String
    let value: Double?
    let goal: Double?
    let isAtLeast: Bool

    init(_ name: String, _ value: Double?, atLeast goal: Double) {
      (self.name, self.value, self.goal, isAtLeast) = (name, value, goal, true)
    }

    init(_ name: String, _ value: Double?, atMost goal: Double? = nil) {
      (self.name, self.value, self.goal, isAtLeast) = (name, value, goal, false)
    }
  }

  private static func goals(_ result: LoadResult) -> [Goal] {
    var goals = [Goal("per second", result.perSecond)]
    let generator = Goal("generator, % of all cores", result.generatorShare.map { $0 * 100 })
    switch result.phase {
    case .accept:
      let isOne = result.inFlight == 1
      goals += [
        Goal("x the floor", result.ratioFloor, atLeast: isOne ? 0.7 : 0.95),
        Goal("x JetStream", result.ratioJetStream, atLeast: isOne ? 0.6 : 0.85),
        Goal("us of the relay", result.relayCPU, atMost: 25), generator,
      ]
    case .put:
      goals += [
        Goal("x the floor", result.ratioFloor, atLeast: 0.4), Goal("us of the relay", result.relayCPU), generator,
      ]
    case .deliver:
      goals += [
        Goal("x JetStream", result.ratioJetStream, atLeast: 2), Goal("us of the relay", result.relayCPU), generator,
      ]
    case .latency:
      goals += [
        Goal("p50, us", result.p50, atMost: 1_000), Goal("p99, us", result.p99, atMost: 10_000),
        Goal("x p99 with slow connections", result.ratioSlow),
      ]
    case .idle, .idleTLS:
      let isPlain = result.phase == .idle
      goals += [
        Goal("bytes a connection", result.rssPerConnection, atMost: (isPlain ? 8 : 24) * 1_024),
        Goal("us of the relay to connect", result.relayCPU, atMost: isPlain ? 300 : nil),
      ]
    case .acceptDeep:
      goals += [
        Goal("x with 1,000 waiting", result.ratioShallow, atLeast: 0.9),
        Goal("x bytes on disk", result.diskRatio, atMost: 1.25),
      ]
    }
    return goals
  }

  private static func lines(_ result: LoadResult) -> [String] {
    goals(result).compactMap { goal in
      guard let value = goal.value else { return nil }
      let isMet = goal.goal.map { goal.isAtLeast ? value >= $0 : value <= $0 }
      return line([
        result.phase.rawValue, result.inFlight.map(String.init) ?? "", goal.name, number(value),
        goal.goal.map { (goal.isAtLeast ? ">= " : "<= ") + number($0) } ?? "",
        isMet.map { $0 ? "met" : "MISSED" } ?? "",
      ])
    }
  }

  private static func number(_ value: Double) -> String { String(format: value < 10 ? "%.2f" : "%.0f", value) }

  private static func line(_ cells: [String]) -> String {
    let widths = [12, 10, 30, 12, 12, 8]
    return zip(cells, widths).map { $0 + String(repeating: " ", count: max($1 - $0.count, 1)) }.joined()
  }
}
