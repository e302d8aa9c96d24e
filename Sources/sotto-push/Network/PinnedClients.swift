internal import AsyncHTTPClient
internal import Foundation
internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix
internal import NIOSSL
internal import SottoRelay
internal import SottoWire

/// HTTP clients for push services that strangers chose: one for each host, which connects to the address that was looked at
/// and no other, whatever the name stands for by then. [push.8]
actor PinnedClients {
  private final class Entry {
    let client: HTTPClient
    let born = ContinuousClock.now
    var users = 0
    var isRetired = false

    init(_ client: HTTPClient) { self.client = client }
  }

  private let rules: EndpointRules
  private let tls: TLSConfiguration
  private var entries: [RelayAuthority: Entry] = [:]

  init(rules: EndpointRules, tls: TLSConfiguration) { (self.rules, self.tls) = (rules, tls) }

  /// Lends a client for this endpoint, if there is somewhere to connect to.
  func with(_ endpoint: Endpoint, _ body: @Sendable (HTTPClient) async -> PushOutcome) async -> PushOutcome {
    let entry: Entry
    if let known = fresh(endpoint) {
      entry = known
    } else {
      switch await rules.answer(for: endpoint) {
      case .connect(let address): entry = self.entry(for: endpoint, at: address)
      case .refuse: return .refused
      case .unknown: return .busy
      }
    }
    entry.users += 1
    let result = await body(entry.client)
    entry.users -= 1
    if entry.isRetired, entry.users == 0 { try? await entry.client.shutdown() }
    return result
  }

  func close() async {
    let all = entries.values
    entries = [:]
    for entry in all {
      entry.isRetired = true
      if entry.users == 0 { try? await entry.client.shutdown() }
    }
  }

  private func entry(for endpoint: Endpoint, at address: ClientAddress) -> Entry {
    // Others may have been here meanwhile.
    if let entry = fresh(endpoint) { return entry }
    if let old = entries[endpoint.authority] ?? (entries.count < PushLimits.hosts ? nil : removeOldest()) {
      old.isRetired = true
      let (client, isIdle) = (old.client, old.users == 0)
      if isIdle { Task { try? await client.shutdown() } }
    }
    let entry = Entry(client(for: endpoint.authority.host, at: address))
    entries[endpoint.authority] = entry
    return entry
  }

  private func fresh(_ endpoint: Endpoint) -> Entry? {
    entries[endpoint.authority].flatMap { $0.born.duration(to: .now) < PushLimits.nameAge ? $0 : nil }
  }

  private func removeOldest() -> Entry? {
    guard let oldest = entries.min(by: { $0.value.born < $1.value.born }) else { return nil }
    entries[oldest.key] = nil
    return oldest.value
  }

  private func client(for host: String, at address: ClientAddress) -> HTTPClient {
    var configuration = HTTPClient.Configuration.ofGateway(tls)
    configuration.dnsOverride = [host: address.text]
    return HTTPClient(
      eventLoopGroupProvider: .shared(MultiThreadedEventLoopGroup.singleton), configuration: configuration)
  }
}

extension HTTPClient.Configuration {
  /// Redirects are not followed, proxies not used, and nothing is tried twice underneath.
  static func ofGateway(_ tls: TLSConfiguration) -> Self {
    var configuration = Self(
      tlsConfiguration: tls, redirectConfiguration: .disallow,
      timeout: .init(connect: PushLimits.connectTimeout, read: PushLimits.exchangeTimeout))
    configuration.connectionPool.retryConnectionEstablishment = false
    configuration.connectionPool.idleTimeout = PushLimits.idle
    return configuration
  }
}

extension HTTPClient {
  /// The status and the body; nil when there was no answer. The status counts even when the body does not come.
  func ask(_ request: HTTPClientRequest) async -> PushAnswer? {
    guard let response = try? await execute(request, timeout: PushLimits.exchangeTimeout) else { return nil }
    let body = response.body
    // The client's own limits are for the head, and for pauses: a byte now and then would keep it busy for days.
    let bytes = await withTaskGroup(of: [UInt8]?.self) { group in
      group.addTask { (try? await body.collect(upTo: PushLimits.answer)).map { [UInt8](buffer: $0) } }
      group.addTask {
        // The client has a Task of its own.
        try? await _Concurrency.Task.sleep(for: PushLimits.bodyTime)
        return nil
      }
      defer { group.cancelAll() }
      return await group.next() ?? nil
    }
    return PushAnswer(
      status: Int(response.status.code), body: bytes ?? [], saysWhen: response.headers.contains(name: "retry-after"))
  }
}

/// What a push service answered. The body is empty when it is longer than anything that one says, or did not come.
struct PushAnswer: Sendable {
  let status: Int
  let body: [UInt8]
  /// Whether it says when it wants to be asked again. A job waits for minutes, so nobody looks when that is.
  fileprivate let saysWhen: Bool

  /// What the status and the body amount to, with that.
  func means(_ outcome: PushOutcome) -> PushOutcome { outcome == .busy && saysWhen ? .throttled : outcome }
}

extension ClientAddress {
  /// Eight groups, or four numbers: what every parser reads.
  var text: String {
    if bytes.count == 4 { return bytes.map { String($0) }.joined(separator: ".") }
    return stride(from: 0, to: 16, by: 2).map { String(UInt16(bytes[$0]) << 8 | UInt16(bytes[$0 + 1]), radix: 16) }
      .joined(separator: ":")
  }
}
