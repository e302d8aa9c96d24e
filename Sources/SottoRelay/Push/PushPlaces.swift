/// Which connected gateways have the places that there are at the socket. Whoever comes when all are taken gets that of the
/// one that has said nothing of a job for longest, if that is long: so nobody keeps gateways out by being there alone. A part
/// without a clock or a socket. [push.10]
package struct PushPlaces {
  /// Unix time in seconds when each came, or said last what became of a job that it held.
  private var heard: [PushLine.GatewayID: Int64] = [:]
  private var lastGateway: PushLine.GatewayID = 0

  package init() {}

  /// The name of who comes now, and who has to go for it; nil when there is no place.
  package mutating func take(now: Int64) -> (gateway: PushLine.GatewayID, instead: PushLine.GatewayID?)? {
    var instead: PushLine.GatewayID?
    if heard.count >= RelayLimits.pushGateways {
      guard let idle = heard.min(by: { ($0.value, $0.key) < ($1.value, $1.key) }) else { return nil }
      // By a clock that was set back nobody has been heard of.
      guard !(0..<RelayLimits.pushPatience).contains(now - idle.value) else { return nil }
      instead = idle.key
      heard[idle.key] = nil
    }
    lastGateway += 1
    heard[lastGateway] = now
    return (lastGateway, instead)
  }

  package mutating func hears(_ gateway: PushLine.GatewayID, now: Int64) { heard[gateway]? = now }
  package mutating func leaves(_ gateway: PushLine.GatewayID) { heard[gateway] = nil }
}
