/// Which connected gateways have the places that there are at the socket. Whoever comes when all are taken gets that of the
/// one that has said nothing of a job for longest, if that is long: so nobody keeps gateways out by being there alone. A part
/// without a clock or a socket. [push.10]
package struct PushPlaces {
  /// When each came, or said last what became of a job that it held: by a clock that only goes forward, so that setting the
  /// machine's sends nobody away.
  private var heard: [PushLine.GatewayID: ContinuousClock.Instant] = [:]
  private var lastGateway: PushLine.GatewayID = 0

  package init() {}

  /// The name of who comes now, and who has to go for it; nil when there is no place.
  package mutating func take(
    now: ContinuousClock.Instant
  ) -> (gateway: PushLine.GatewayID, instead: PushLine.GatewayID?)? {
    var instead: PushLine.GatewayID?
    if heard.count >= RelayLimits.pushGateways {
      guard let idle = heard.min(by: { ($0.value, $0.key) < ($1.value, $1.key) }) else { return nil }
      guard idle.value.duration(to: now) >= .seconds(RelayLimits.pushPatience) else { return nil }
      instead = idle.key
      heard[idle.key] = nil
    }
    lastGateway += 1
    heard[lastGateway] = now
    return (lastGateway, instead)
  }

  package mutating func hears(_ gateway: PushLine.GatewayID, now: ContinuousClock.Instant) { heard[gateway]? = now }
  package mutating func leaves(_ gateway: PushLine.GatewayID) { heard[gateway] = nil }
}
