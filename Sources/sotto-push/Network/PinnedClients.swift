internal import AsyncHTTPClient
package import NIOSSL
internal import SottoRelay
internal import SottoWire

/// HTTP clients for push services that strangers chose: one for each host, which connects to the address that was looked at
/// and no other, whatever the name stands for by then. [push.8]
///
///     name --looked up--> client --60 s--> looked up beside its use --other addresses--> another client
///                           |                    +--its own too, or nobody says--> kept
///                           +--1 hour without an answer--> looked up before its use
///                           +--nobody answers--> a client for the name's next address
package actor PinnedClients {
  private final class Entry {
    let client: ServiceClient
    let address: ClientAddress
    /// What else the name stands for, in the order in which it is tried.
    var others: [ClientAddress]
    /// When the name last stood for the address.
    var confirmed: ContinuousClock.Instant
    var users = 0
    var isRetired = false

    init(
      _ client: ServiceClient, at address: ClientAddress, or others: [ClientAddress], _ time: ContinuousClock.Instant
    ) {
      (self.client, self.address, self.others, confirmed) = (client, address, others, time)
    }
  }

  private let tls: TLSConfiguration
  private let nameAge: Duration
  private let now: @Sendable () -> ContinuousClock.Instant
  private let answer: @Sendable (Endpoint) async -> EndpointRules.Answer
  private var entries: [RelayAuthority: Entry] = [:]
  /// Whose names are being looked up beside their use.
  private var refreshing: Set<RelayAuthority> = []
  private var isClosed = false

  /// - Parameters:
  ///   - nameAge: after which a name is looked up again; nil: as usual.
  ///   - answer: where to connect to.
  package init(
    tls: TLSConfiguration, nameAge: Duration? = nil,
    answer: @escaping @Sendable (Endpoint) async -> EndpointRules.Answer,
    now: @escaping @Sendable () -> ContinuousClock.Instant = { ContinuousClock.now }
  ) {
    (self.tls, self.now, self.answer) = (tls, now, answer)
    self.nameAge = nameAge ?? PushLimits.nameAge
  }

  /// Lends a client for this endpoint, if there is somewhere to connect to. `body` says nil when nobody answered.
  package func with(
    _ endpoint: Endpoint, _ body: @Sendable (ServiceClient) async -> PushReply?
  ) async -> PushReply {
    let entry: Entry
    if let known = entries[endpoint.authority], known.confirmed.duration(to: now()) < PushLimits.staleNameAge {
      // Whoever keeps the resolver busy with names that nobody answers for makes no other wait (RFC 8767 section 5).
      if known.confirmed.duration(to: now()) >= nameAge { refresh(endpoint) }
      entry = known
    } else {
      switch await answer(endpoint) {
      case .connect(let addresses): entry = self.entry(for: endpoint, at: addresses)
      case .refuse: return PushReply(.refused)
      case .unknown: return PushReply(.busy)
      }
    }
    entry.users += 1
    let reply = await body(entry.client)
    entry.users -= 1
    // Who says that it is busy is there: at another address is the same service, and here is a connection with it.
    if reply == nil { turn(from: entry, endpoint) }
    if entry.isRetired, entry.users == 0 { await entry.client.close() }
    return reply ?? PushReply(.busy)
  }

  package func close() async {
    isClosed = true
    let all = entries.values
    entries = [:]
    for entry in all {
      entry.isRetired = true
      if entry.users == 0 { await entry.client.close() }
    }
  }

  /// Once at a time for each host. What nobody says leaves everything as it is.
  private func refresh(_ endpoint: Endpoint) {
    guard refreshing.insert(endpoint.authority).inserted else { return }
    Task {
      let found = await answer(endpoint)
      refreshing.remove(endpoint.authority)
      guard !isClosed else { return }
      switch found {
      case .connect(let addresses): _ = entry(for: endpoint, at: addresses)
      case .refuse: if let old = entries.removeValue(forKey: endpoint.authority) { retire(old) }
      case .unknown: break
      }
    }
  }

  private func entry(for endpoint: Endpoint, at addresses: [ClientAddress]) -> Entry {
    // Services name theirs in another order each time, and others may have been here meanwhile.
    if let entry = entries[endpoint.authority], let place = addresses.firstIndex(of: entry.address) {
      entry.confirmed = now()
      entry.others = Array(addresses[(place + 1)...] + addresses[..<place])
      return entry
    }
    return add(endpoint, at: addresses[0], or: Array(addresses[1...]), now())
  }

  /// Nobody may be there: a machine whose IPv6 leads nowhere wakes devices all the same. (RFC 8305 tries both at once.)
  private func turn(from entry: Entry, _ endpoint: Endpoint) {
    guard entries[endpoint.authority] === entry, let next = entry.others.first else { return }
    _ = add(endpoint, at: next, or: Array(entry.others[1...]) + [entry.address], entry.confirmed)
  }

  private func add(
    _ endpoint: Endpoint, at address: ClientAddress, or others: [ClientAddress], _ time: ContinuousClock.Instant
  ) -> Entry {
    let entry = Entry(client(for: endpoint.authority.host, at: address), at: address, or: others, time)
    guard !isClosed else {
      entry.isRetired = true
      return entry
    }
    let isNew = entries[endpoint.authority] == nil
    if isNew, entries.count >= PushLimits.hosts,
      let oldest = entries.min(by: { $0.value.confirmed < $1.value.confirmed })
    {
      entries[oldest.key] = nil
      retire(oldest.value)
    }
    if let old = entries.updateValue(entry, forKey: endpoint.authority) { retire(old) }
    return entry
  }

  private func retire(_ entry: Entry) {
    entry.isRetired = true
    let (client, isIdle) = (entry.client, entry.users == 0)
    if isIdle { Task { await client.close() } }
  }

  private func client(for host: String, at address: ClientAddress) -> ServiceClient {
    var configuration = HTTPClient.Configuration.ofGateway(tls)
    configuration.dnsOverride = [host: address.text]
    return ServiceClient(configuration)
  }
}

extension ClientAddress {
  /// Eight groups, or four numbers: what every parser reads.
  var text: String {
    if bytes.count == 4 { return bytes.map { String($0) }.joined(separator: ".") }
    return stride(from: 0, to: 16, by: 2).map { String(UInt16(bytes[$0]) << 8 | UInt16(bytes[$0 + 1]), radix: 16) }
      .joined(separator: ":")
  }
}
