/// What one phase of a load came to; what does not apply is nil and not written.
package struct LoadResult: Encodable, Sendable {
  package enum Phase: String, Encodable, Sendable, CaseIterable {
    /// Puts on the send socket, each answered when it is durable.
    case accept
    /// The same as plain PUT requests.
    case put
    /// Owners come back, and take everything that waits for them.
    case deliver
    /// From the moment that an envelope is sent to the moment that its owner, who is online, has it.
    case latency
    /// Owners who are online while nothing happens.
    case idle
    case idleTLS = "idle_tls"
    /// Puts while 100,000 envelopes wait already.
    case acceptDeep = "accept_deep"
  }

  package var phase: Phase
  /// Things that a connection says ahead of the answers.
  package var inFlight: Int?
  package var connections: Int?
  /// Envelopes.
  package var count: Int?
  package var perSecond: Double?
  /// Microseconds of the relay's processor time for each of them, or for each connection.
  package var relayCPU: Double?
  /// The part of this machine's processor time that the generator took.
  package var generatorShare: Double?
  /// Microseconds.
  package var p50: Double?
  package var p99: Double?
  /// Bytes.
  package var rssPerConnection: Double?
  /// Per second, in terms of an append to one file with group fdatasync, in the same run.
  package var ratioFloor: Double?
  /// The same, in terms of nats-server JetStream.
  package var ratioJetStream: Double?
  /// Per second, in terms of a queue of 1,000.
  package var ratioShallow: Double?
  /// Bytes on the disk for each byte that waits.
  package var diskRatio: Double?
  /// p99 while 5,000 slow connections are open, in terms of p99 without them.
  package var ratioSlow: Double?

  package init(_ phase: Phase, inFlight: Int? = nil, connections: Int? = nil) {
    (self.phase, self.inFlight, self.connections) = (phase, inFlight, connections)
  }

  /// Of `count` things that took as long as `measure` says.
  package init(
    _ phase: Phase, inFlight: Int? = nil, connections: Int, count: Int, _ measure: LoadMeasure
  ) {
    self.init(phase, inFlight: inFlight, connections: connections)
    self.count = count
    perSecond = Double(count) / measure.seconds
    relayCPU = measure.server.map { $0 / Double(count) }
    generatorShare = measure.generatorShare
  }

  enum CodingKeys: String, CodingKey {
    case phase, connections, count
    case p50 = "p50_us"
    case p99 = "p99_us"
    case inFlight = "in_flight"
    case perSecond = "per_second"
    case relayCPU = "relay_cpu_us"
    case generatorShare = "generator_share"
    case rssPerConnection = "rss_per_connection"
    case ratioFloor = "ratio_floor"
    case ratioJetStream = "ratio_jetstream"
    case ratioShallow = "ratio_shallow"
    case diskRatio = "ratio_disk"
    case ratioSlow = "ratio_slow"
  }
}
