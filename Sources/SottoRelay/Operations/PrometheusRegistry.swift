package import CoreMetrics
internal import Synchronization

/// The table of what a program counts: no more can be counted.
package protocol MetricName: RawRepresentable<String>, CaseIterable, Hashable, Sendable {
  var kind: MetricKind { get }
  var help: String { get }
  /// The labels, and every value that each may take.
  var labels: [(name: String, values: [String])] { get }
  /// Upper bounds of a histogram's buckets.
  static var buckets: [Double] { get }
}

package enum MetricKind: String, Sendable {
  case counter
  case gauge
  case histogram
}

/// A backend of swift-metrics that keeps numbers in memory and writes them in the text format of Prometheus
/// (https://prometheus.io/docs/instrumenting/exposition_formats/). One for each relay: nothing is global.
package final class PrometheusRegistry<Metric: MetricName>: MetricsFactory {
  private let cells = Mutex<[Metric: [String: MetricCell]]>([:])

  package init() {}

  /// Every metric in the table's order; a metric that nobody has made is left out.
  package func text() -> String {
    let cells = cells.withLock { $0 }
    var lines: [String] = []
    for metric in Metric.allCases {
      guard let series = cells[metric] else { continue }
      lines.append("# HELP \(metric.rawValue) \(metric.help)")
      lines.append("# TYPE \(metric.rawValue) \(metric.kind.rawValue)")
      for (labels, cell) in series.sorted(by: { $0.key < $1.key }) { lines += cell.lines(metric.rawValue, labels) }
    }
    return lines.joined(separator: "\n") + "\n"
  }

  /// The same handler for the same name and labels. What is not in the table cannot be counted. [operation.5]
  private func cell(_ label: String, _ dimensions: [(String, String)]) -> MetricCell {
    guard let metric = Metric(rawValue: label), metric.labels.map(\.name) == dimensions.map(\.0),
      zip(metric.labels, dimensions).allSatisfy({ $0.values.contains($1.1) })
    else { preconditionFailure("a metric that the table does not declare: \(label)") }
    // The table's words hold nothing that would have to be escaped.
    let labels = dimensions.map { "\($0)=\"\($1)\"" }.joined(separator: ",")
    return cells.withLock { cells in
      if let known = cells[metric]?[labels] { return known }
      let cell = MetricCell(buckets: metric.kind == .histogram ? Metric.buckets : nil)
      cells[metric, default: [:]][labels] = cell
      return cell
    }
  }

  package func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
    cell(label, dimensions)
  }
  package func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler { cell(label, dimensions) }
  package func makeRecorder(label: String, dimensions: [(String, String)], aggregate: Bool) -> any RecorderHandler {
    cell(label, dimensions)
  }
  package func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler { cell(label, dimensions) }

  // Series live as long as the relay.
  package func destroyCounter(_ handler: any CounterHandler) {}
  package func destroyMeter(_ handler: any MeterHandler) {}
  package func destroyRecorder(_ handler: any RecorderHandler) {}
  package func destroyTimer(_ handler: any TimerHandler) {}
}

/// One series: a number, or a histogram.
private final class MetricCell: CounterHandler, MeterHandler, RecorderHandler, TimerHandler {
  private struct State {
    /// A counter's or gauge's value; a histogram's sum.
    var value = 0.0
    /// For each bound how many were at most that, and not at most a smaller one.
    var counts: [UInt64]
    var total: UInt64 = 0
  }

  private let buckets: [Double]?
  private let state: Mutex<State>

  init(buckets: [Double]?) {
    self.buckets = buckets
    state = Mutex(State(counts: Array(repeating: 0, count: buckets?.count ?? 0)))
  }

  func increment(by amount: Int64) { state.withLock { $0.value += Double(amount) } }
  func reset() { set(0.0) }
  func increment(by amount: Double) { state.withLock { $0.value += amount } }
  func decrement(by amount: Double) { state.withLock { $0.value -= amount } }
  func set(_ value: Int64) { set(Double(value)) }
  func set(_ value: Double) { state.withLock { $0.value = value } }
  func record(_ value: Int64) { record(Double(value)) }
  func recordNanoseconds(_ duration: Int64) { record(Double(duration) / 1e9) }

  func record(_ value: Double) {
    guard let buckets else { return set(value) }
    state.withLock { state in
      state.value += value
      state.total += 1
      if let index = buckets.firstIndex(where: { value <= $0 }) { state.counts[index] += 1 }
    }
  }

  func lines(_ name: String, _ labels: String) -> [String] {
    let (state, suffix) = (state.withLock { $0 }, labels.isEmpty ? "" : "{\(labels)}")
    guard let buckets else { return ["\(name)\(suffix) \(Self.text(state.value))"] }
    var sum: UInt64 = 0
    var lines: [String] = []
    let before = labels.isEmpty ? "" : labels + ","
    for (bound, count) in zip(buckets, state.counts) {
      sum += count
      lines.append("\(name)_bucket{\(before)le=\"\(Self.text(bound))\"} \(sum)")
    }
    lines.append("\(name)_bucket{\(before)le=\"+Inf\"} \(state.total)")
    return lines + ["\(name)_sum\(suffix) \(Self.text(state.value))", "\(name)_count\(suffix) \(state.total)"]
  }

  /// Whole numbers without a point.
  private static func text(_ value: Double) -> String { Int64(exactly: value).map { String($0) } ?? String(value) }
}
