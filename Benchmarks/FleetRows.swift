import Foundation
import SottoRelay

/// The rows of `make bench-fleet`: medians over rounds, ratios within a round.
final class FleetRows {
  enum Lane: String, CaseIterable {
    case port = "one relay, its own port"
    case nginxOne = "one relay, through NGINX"
    case nginxThree = "three relays, through NGINX"
    case sqlite = "one relay on SQLite, its own port"
    case floor = "a bare batch of 64 inserts"
    case lockedFloor = "a bare batch of 64 accepts"
  }

  private struct Row: Encodable {
    let phase: String
    let what: String
    var perSecond: Double?
    var p50: Double?
    var p99: Double?
    var ratio: Double?
    var goal: Double?
    var count: Int?
    var seconds: Double?

    enum CodingKeys: String, CodingKey {
      case phase, what, ratio, goal, count, seconds
      case perSecond = "per_second"
      case p50 = "p50_us"
      case p99 = "p99_us"
    }
  }

  private let isJSON: Bool
  private var rounds: [LoadResult.Phase: [[Lane: LoadResult]]] = [:]
  private var turns: [LoadResult.Phase: Int] = [:]

  init(isJSON: Bool) { self.isJSON = isJSON }

  /// Measures one thing in each lane, and begins with another lane each time.
  func take(
    _ isCounted: Bool, _ phase: LoadResult.Phase, _ lanes: [(Lane, () async throws -> LoadResult)]
  ) async throws {
    let turn = turns[phase, default: 0]
    turns[phase] = turn + 1
    var results: [Lane: LoadResult] = [:]
    for step in lanes.indices {
      let (lane, run) = lanes[(turn + step) % lanes.count]
      results[lane] = try await run()
    }
    if isCounted { rounds[phase, default: []].append(results) }
  }

  func show() throws {
    for phase in [LoadResult.Phase.accept, .put, .deliver, .latency] {
      for lane in Lane.allCases {
        let results = (rounds[phase] ?? []).compactMap { $0[lane] }
        guard !results.isEmpty else { continue }
        let median = RelayRows.median(results)
        var row = Row(phase: phase.rawValue, what: lane.rawValue)
        (row.p50, row.p99) = (median.p50, median.p99)
        if phase != .latency { row.perSecond = median.perSecond }
        try show(row)
      }
    }
    try show(.accept, .port, inTermsOf: .floor, goal: 0.8)
    try show(.accept, .port, inTermsOf: .lockedFloor, goal: nil)
    for phase in [LoadResult.Phase.accept, .put] {
      try show(phase, .nginxOne, inTermsOf: .port, goal: 0.6)
      try show(phase, .nginxThree, inTermsOf: .nginxOne, goal: 1)
      try show(phase, .nginxThree, inTermsOf: .sqlite, goal: nil)
    }
    try show(.deliver, .nginxThree, inTermsOf: .nginxOne, goal: nil)
  }

  private func show(_ phase: LoadResult.Phase, _ lane: Lane, inTermsOf other: Lane, goal: Double?) throws {
    let ratios = (rounds[phase] ?? []).compactMap { round in
      round[lane]?.perSecond.flatMap { own in round[other]?.perSecond.map { own / $0 } }
    }.sorted()
    guard !ratios.isEmpty else { return }
    var row = Row(phase: phase.rawValue, what: "\(lane.rawValue), in terms of \(other.rawValue)")
    (row.ratio, row.goal) = (ratios[ratios.count / 2], goal)
    try show(row)
  }

  func show(wakeups: [(Wakeup, Int)], byRequest: Bool) throws {
    let all = wakeups.reduce(0) { $0 + $1.1 }
    for (way, count) in wakeups {
      var row = Row(
        phase: "wakeups", what: "\(byRequest ? "of requests" : "of the send socket"), path \(way.rawValue)")
      row.count = count
      row.ratio = all == 0 ? nil : Double(count) / Double(all)
      if byRequest, way == .local { row.goal = 0.95 }
      try show(row)
    }
  }

  func show(storm count: Int, seconds: Double, lost: Bool) throws {
    var row = Row(phase: "storm", what: lost ? "come back when a relay was killed" : "come at once")
    (row.count, row.seconds, row.perSecond) = (count, seconds, Double(count) / seconds)
    try show(row)
  }

  private func show(_ row: Row) throws {
    guard !isJSON else {
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.sortedKeys]
      return BenchmarksCommand.print(String(decoding: try encoder.encode(row), as: UTF8.self))
    }
    var cells: [String] = []
    func add(_ value: Double?, _ digits: Int, _ unit: String) {
      if let value { cells.append(String(format: "%.\(digits)f", value) + unit) }
    }
    add(row.count.map(Double.init), 0, "")
    add(row.seconds, 2, " s")
    add(row.perSecond, 0, "/s")
    add(row.p50, 0, " us p50")
    add(row.p99, 0, " us p99")
    add(row.ratio, 2, "x")
    if let goal = row.goal, let ratio = row.ratio {
      cells.append("goal at least \(String(format: "%.2f", goal)): \(ratio >= goal ? "met" : "MISSED")")
    }
    BenchmarksCommand.print(
      "\(row.phase.padding(toLength: 9, withPad: " ", startingAt: 0)) \(row.what): " + cells.joined(separator: ", "))
  }
}
