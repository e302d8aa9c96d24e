package import NIOCore
internal import SottoCrypto
internal import SottoWire
internal import Synchronization

/// What one client may ask of this process, in memory alone. An address goes in, and only its hash under a key that the
/// process drew for itself is remembered: never written, never logged, worth nothing to another process. [limits.1]
package final class ClientLimits: Sendable {
  /// A client; nil wherever it stands optional is one that is not limited.
  package struct Client: Hashable, Sendable {
    fileprivate let hash: [UInt8]
  }

  /// What is counted apart. [limits.2]
  package enum Budget: Sendable {
    case connections
    /// Requests that nobody signed.
    case requests
    /// Requests of owners: with open registration anybody can be one.
    case signedRequests
    /// Signatures that were refused.
    case failedSignatures
  }

  private struct Budgets {
    var connections: TokenBucket
    var requests: TokenBucket
    var signedRequests: TokenBucket
    var failedSignatures: TokenBucket

    init(now: Int64) {
      let full = TokenBucket(now: now)
      (connections, requests, signedRequests, failedSignatures) = (full, full, full, full)
    }

    /// When all of them are full again.
    var fullAt: Int64 {
      max(connections.fullAt, requests.fullAt, signedRequests.fullAt, failedSignatures.fullAt)
    }
  }

  private struct State {
    var budgets: [Client: Budgets] = [:]
    /// Connections that are open, by client: as many entries as there are connections at most.
    var open: [Client: Int] = [:]
    var connections = 0
  }

  private let live: Mutex<ClientSettings>
  private let files: Int
  /// Microseconds of a clock that nobody sets.
  private let uptime: @Sendable () -> Int64
  private let key: Secret
  private let state = Mutex(State())

  /// `files` is how many the process may open.
  package init(
    _ settings: ClientSettings, files: Int, uptime: @escaping @Sendable () -> Int64 = ClientLimits.machineUptime
  ) {
    live = Mutex(settings)
    self.files = files
    self.uptime = uptime
    var entropy = SystemEntropy()
    key = Secret(count: 32, from: &entropy)
  }

  package static let machineUptime: @Sendable () -> Int64 = { Int64(NIODeadline.now().uptimeNanoseconds / 1_000) }

  /// Other limits, from now on. What is open stays open, and what was spent stays spent. [operation.2]
  package func take(_ settings: ClientSettings) { live.withLock { $0 = settings } }

  private var settings: ClientSettings { live.withLock { $0 } }

  /// Takes a new connection in; nil when there are enough of them. Whoever gets one says when it closed. [limits.3]
  package func open(from remote: SocketAddress?) -> ClientConnection? {
    let peer = remote.flatMap(ClientAddress.init)
    let settings = settings
    let maxConnections = max(min(settings.maxConnections, files - RelayLimits.spareFiles), 1)
    // What a trusted proxy opens it opens for others: they are counted when they say what they want.
    let isProxy = peer.map { settings.proxies.contains($0) } ?? false
    let client = isProxy ? nil : client(peer, settings)
    let isAdmitted = state.withLock { state in
      guard state.connections < maxConnections, hold(client, settings, &state) == nil else { return false }
      state.connections += 1
      return true
    }
    return isAdmitted ? ClientConnection(client: client, proxy: isProxy ? peer : nil, limits: self) : nil
  }

  package func close(_ connection: ClientConnection) {
    state.withLock { state in
      state.connections -= 1
      release(connection.client, &state)
    }
  }

  /// A socket that a trusted proxy opens for a client is a connection of that client's. Throws when it has enough.
  package func openSocket(_ client: Client?) throws(Refusal) {
    let settings = settings
    let wait = state.withLock { hold(client, settings, &$0) }
    if let wait { throw Refusal(.tooManyRequests, retryAfter: Self.seconds(wait)) }
  }

  package func closeSocket(_ client: Client?) { state.withLock { release(client, &$0) } }

  /// Throws when the client's budget is used up. [limits.2]
  package func admit(_ budget: Budget, _ client: Client?, count: Int64 = 1) throws(Refusal) {
    guard let client else { return }
    let settings = settings
    let wait = state.withLock { take(budget, client, count: count, settings, &$0) }
    if let wait { throw Refusal(.tooManyRequests, retryAfter: Self.seconds(wait)) }
  }

  /// Who asks, on a connection that a trusted proxy opened. [limits.4]
  fileprivate func client(forwardedBy proxy: ClientAddress, _ header: (String) -> [String]) -> Client? {
    let settings = settings
    return client(settings.proxies.client(peer: proxy, lines: header(settings.proxies.header.rawValue)), settings)
  }

  private func client(_ address: ClientAddress?, _ settings: ClientSettings) -> Client? {
    guard let address, settings.limitsLoopback || !address.isLoopback else { return nil }
    return Client(hash: blake2b(address.network, key: key, count: 16))
  }

  /// How many clients are remembered.
  package var remembered: Int { state.withLock { $0.budgets.count } }

  /// The time to wait, or nil if it holds one more connection now.
  private func hold(_ client: Client?, _ settings: ClientSettings, _ state: inout State) -> Int64? {
    guard let client else { return nil }
    guard state.open[client, default: 0] < settings.maxConnectionsPerClient else { return 1_000_000 }
    if let wait = take(.connections, client, count: 1, settings, &state) { return wait }
    state.open[client, default: 0] += 1
    return nil
  }

  private func release(_ client: Client?, _ state: inout State) {
    guard let client, let count = state.open[client] else { return }
    state.open[client] = count == 1 ? nil : count - 1
  }

  private func take(
    _ budget: Budget, _ client: Client, count: Int64, _ settings: ClientSettings, _ state: inout State
  ) -> Int64? {
    let now = uptime()
    if state.budgets.count >= RelayLimits.clients { Self.forgetTheFullest(&state.budgets) }
    switch budget {
    case .connections:
      return state.budgets[client, default: Budgets(now: now)].connections
        .take(settings.connections.bucket, now: now, count: count)
    case .requests:
      return state.budgets[client, default: Budgets(now: now)].requests
        .take(settings.requests.bucket, now: now, count: count)
    case .signedRequests:
      // What costs more than anybody may have at once costs all of it.
      let rate = settings.signedRequests.bucket
      return state.budgets[client, default: Budgets(now: now)].signedRequests
        .take(rate, now: now, count: min(count, rate.burst))
    case .failedSignatures:
      return state.budgets[client, default: Budgets(now: now)].failedSignatures
        .take(settings.failedSignatures.bucket, now: now, count: count)
    }
  }

  /// Half of them at once, so that the work is shared out over as many events.
  private static func forgetTheFullest(_ budgets: inout [Client: Budgets]) {
    let kept = budgets.sorted { $0.value.fullAt > $1.value.fullAt }.prefix(RelayLimits.clients / 2)
    budgets = Dictionary(uniqueKeysWithValues: kept.map { ($0.key, $0.value) })
  }

  /// Whole seconds, rounded up.
  private static func seconds(_ microseconds: Int64) -> Int64 { (microseconds + 999_999) / 1_000_000 }
}

/// An open connection, as the limits see it.
package final class ClientConnection: Sendable {
  /// Who holds the other end; nil when that is a trusted proxy, or not limited.
  fileprivate let client: ClientLimits.Client?
  private let proxy: ClientAddress?
  private let limits: ClientLimits

  fileprivate init(client: ClientLimits.Client?, proxy: ClientAddress?, limits: ClientLimits) {
    (self.client, self.proxy, self.limits) = (client, proxy, limits)
  }

  /// Who asks for something on it: without a trusted proxy, forwarded headers are not even read. [limits.4]
  package func client(_ header: (String) -> [String]) -> ClientLimits.Client? {
    proxy.map { limits.client(forwardedBy: $0, header) } ?? client
  }

  /// Whether what is asked on it is asked for others.
  package var isProxy: Bool { proxy != nil }
}

extension ClientAddress {
  /// nil for what is no IP address.
  fileprivate init?(_ address: SocketAddress) {
    switch address {
    case .v4, .v6: self.init(address.ipAddress ?? "")
    case .unixDomainSocket: return nil
    }
  }
}
