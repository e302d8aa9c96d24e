internal import CoreMetrics
package import SottoRelay

/// Everything that the gateway counts. [leakage.8]
package enum GatewayMetric: String, MetricName {
  case buildInfo = "sotto_push_build_info"
  case connected = "sotto_push_connected"
  case pushes = "sotto_push_pushes_total"

  package static let buckets: [Double] = []

  package var kind: MetricKind {
    switch self {
    case .buildInfo, .connected: .gauge
    case .pushes: .counter
    }
  }

  package var labels: [(name: String, values: [String])] {
    switch self {
    case .buildInfo: [("version", [RelayVersion.text])]
    case .connected: []
    case .pushes:
      [
        ("provider", ProviderName.allCases.map(\.rawValue)), ("result", GatewayMetrics.End.allCases.map(\.rawValue)),
      ]
    }
  }

  package var help: String {
    switch self {
    case .buildInfo: "Always 1; the label is the program's version."
    case .connected: "1 while jobs can be taken."
    case .pushes: "Jobs by the push service and by what came of them; one that is tried again later counts each time."
    }
  }
}

/// The counters, ready to be incremented.
package struct GatewayMetrics: Sendable {
  package enum End: String, CaseIterable, Sendable {
    case woken
    case gone
    case refused
    case later
    case unauthorized
    /// The job is not sealed to this gateway.
    case unreadable
    /// The gateway has no account at that push service.
    case unknown
    /// It was tried for an hour.
    case gaveUp = "gave-up"

    init(_ outcome: PushOutcome) {
      self =
        switch outcome {
        case .woken: .woken
        case .gone: .gone
        case .refused: .refused
        case .busy, .throttled: .later
        case .unauthorized: .unauthorized
        }
    }
  }

  private let registry = PrometheusRegistry<GatewayMetric>()
  private let connected: Meter
  private let pushes: [ProviderName: [End: Counter]]

  package init() {
    let registry = registry
    func gauge(_ metric: GatewayMetric, _ labels: [(String, String)] = []) -> Meter {
      Meter(label: metric.rawValue, dimensions: labels, factory: registry)
    }
    gauge(.buildInfo, [("version", RelayVersion.text)]).set(1)
    connected = gauge(.connected)
    pushes = Dictionary(
      uniqueKeysWithValues: ProviderName.allCases.map { provider in
        let ends = End.allCases.map { end in
          let labels = [("provider", provider.rawValue), ("result", end.rawValue)]
          return (end, Counter(label: GatewayMetric.pushes.rawValue, dimensions: labels, factory: registry))
        }
        return (provider, Dictionary(uniqueKeysWithValues: ends))
      })
  }

  package var text: String { registry.text() }

  func ended(_ provider: ProviderName, _ end: End) { pushes[provider]?[end]?.increment() }
  func isConnected(_ isConnected: Bool) { connected.set(isConnected ? 1 : 0) }
}
