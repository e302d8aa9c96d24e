import SottoRelay

/// What is done to a fleet. In between, and while something is away, it has to go on.
struct FleetFault {
  let name: String
  let run: (Fleet) async throws -> Void

  init(_ name: String, _ run: @escaping (Fleet) async throws -> Void) { (self.name, self.run) = (name, run) }
}

struct FleetFaults {
  let load: FleetLoad
  /// Acknowledgements at least while a part is away.
  let each: Int
  /// The folder of the relay that takes the place of an older one; nil: none does.
  let newer: String?

  /// Seconds.
  func few(_ fleet: Fleet) -> [FleetFault] {
    [
      FleetFault("a relay is killed", away("relay1", by: "kill")),
      FleetFault("PostgreSQL is restarted", away("postgresql", by: "stop")),
      FleetFault("RabbitMQ is stopped", away(fleet.brokers[0], by: "stop")),
      FleetFault("NGINX is reloaded") { try $0.run("reload", "nginx") },
    ]
  }

  func all(_ fleet: Fleet) -> [FleetFault] {
    // An older version is replaced before anything else is done to it.
    let replaced = newer.map { newer in
      [FleetFault("every relay is replaced by one of the next version") { try await replace($0, newer) }]
    }
    let restarted = FleetFault("every relay is restarted in turn") { fleet in
      for relay in fleet.relays { try await away(relay, by: "stop")(fleet) }
    }
    var all = (replaced ?? []) + few(fleet)
    all += [
      FleetFault("a relay is drained", away("relay2", by: "stop")),
      FleetFault("PostgreSQL is killed", away("postgresql", by: "kill")),
      FleetFault("RabbitMQ is killed", away(fleet.brokers[0], by: "kill")),
    ]
    if newer == nil { all.append(restarted) }
    if fleet.brokers.count > 1 {
      all.append(FleetFault("one RabbitMQ and the others do not see each other", cutOffBroker))
    }
    if fleet.hasNetworks {
      all += [
        FleetFault("a relay is cut off from PostgreSQL and RabbitMQ", cutOffFromServers),
        FleetFault("a relay is cut off, and is back before it has noticed") { try await cutOff($0, isLong: false) },
        FleetFault("a relay is cut off for longer than its lease") { try await cutOff($0, isLong: true) },
      ]
    }
    return all + [
      FleetFault("a relay's clock is a day ahead") { fleet in
        try fleet.count()
        try fleet.run("stop", "relay3")
        try fleet.startADayAhead("relay3")
      },
      // The last: the first database stays where it is.
      FleetFault("PostgreSQL is killed, and the replica takes over") { fleet in
        try fleet.run("kill", "postgresql")
        try fleet.run("promote")
      },
    ]
  }

  private func away(_ part: String, by verb: String) -> (Fleet) async throws -> Void {
    { fleet in
      try fleet.count()
      try fleet.run(verb, part)
      if !part.hasPrefix("postgresql") { try await load.acknowledge(each) }
      try fleet.run("start", part)
    }
  }

  /// The tables first, as [operation.13] says; then the relays of two versions work beside each other.
  private func replace(_ fleet: Fleet, _ newer: String) async throws {
    try fleet.run("migrate", "--bin", newer)
    try await load.acknowledge(each)
    for relay in fleet.relays {
      guard try fleet.program(of: relay) != newer else { throw Fleet.Failed("\(relay) is no older version.") }
      try fleet.count()
      try fleet.run("stop", relay)
      try await load.acknowledge(each)
      try fleet.run("start", relay, "--bin", newer)
      guard try fleet.program(of: relay) == newer else { throw Fleet.Failed("\(relay) was not replaced.") }
      try await load.acknowledge(each)
    }
  }

  // MARK: Cuts

  /// Its process, its sockets and NGINX's way to it stay: it has to find out by itself that nothing is heard of there, and
  /// send everybody to the others.
  private func cutOffFromServers(_ fleet: Fleet) async throws {
    try fleet.count()
    try await haveStreams(fleet)
    try fleet.run("cut", "relay1", "store")
    try await fleet.until("relay1 keeps streams that hear of nothing") {
      try fleet.sample(.streamsOpen, of: "relay1") == 0
    }
    try await everybodyIsElsewhere(fleet)
    try await load.acknowledge(each)
    let accepted = try fleet.sample(.envelopesAccepted, of: "relay1")
    try fleet.run("mend", "relay1")
    try await fleet.until("relay1 takes nothing again") {
      try fleet.sample(.envelopesAccepted, of: "relay1") > accepted
    }
  }

  /// Its owners come in elsewhere while their former sockets look open, to them and to it. When it is back it holds what
  /// is another's by now, and has to end that.
  private func cutOff(_ fleet: Fleet, isLong: Bool) async throws {
    try fleet.count()
    try await haveStreams(fleet)
    // Displaced is who has a stream elsewhere by then. Who had an acknowledgement on its way was told before that the store is
    // away; and the relay may have heard from its database a few seconds before the cut, and have sent everybody away.
    func ended() throws -> Int {
      try ["displaced", "unavailable", "restarting"].reduce(0) { sum, reason in
        try sum + fleet.sample(.streamsClosed, reason, of: "relay1")
      }
    }
    let before = try ended()
    let start = ContinuousClock.now
    try fleet.run("cut", "relay1")
    try await load.comeAgain()
    try await everybodyIsElsewhere(fleet)
    if isLong {
      try await load.acknowledge(each)
      try await Task.sleep(until: start + .seconds(RelayLimits.leaseSeconds + 10))
      guard try fleet.sample(.streamsOpen, of: "relay1") == 0 else {
        throw Fleet.Failed("relay1 keeps streams longer than its lease.")
      }
    }
    try fleet.run("mend", "relay1")
    try await fleet.until("an owner is left on a stream that is dead") { load.former == 0 }
    guard try ended() > before else { throw Fleet.Failed("relay1 did not notice that its streams were another's.") }
  }

  /// NGINX passes over a relay for some seconds after that is back: owners who come meanwhile come elsewhere.
  private func haveStreams(_ fleet: Fleet) async throws {
    for _ in 0..<20 {
      try await load.comeAgain()
      if try fleet.sample(.streamsOpen, of: "relay1") > 0 { return }
      try await Task.sleep(for: .seconds(1))
    }
    throw Fleet.Failed("relay1 has no stream to begin with.")
  }

  private func everybodyIsElsewhere(_ fleet: Fleet) async throws {
    try await fleet.until("not everybody has found another relay") {
      try fleet.relays.filter { $0 != "relay1" }.reduce(0) { try $0 + fleet.sample(.streamsOpen, of: $1) } >= load.count
    }
  }

  /// The script returns when the one that is alone has stopped. Whoever was connected with it goes to another.
  private func cutOffBroker(_ fleet: Fleet) async throws {
    guard let alone = fleet.brokers.last else { return }
    try fleet.count()
    try fleet.run("cut", alone)
    try await fleet.until("a relay does not find another RabbitMQ") {
      try fleet.relays.allSatisfy { try fleet.sample(.busDown, of: $0) == 0 }
    }
    func heard() throws -> Int { try fleet.relays.reduce(0) { try $0 + fleet.sample(.notices, "heard", of: $1) } }
    let before = try heard()
    try await load.acknowledge(each)
    guard try heard() > before else { throw Fleet.Failed("The relays hear nothing while a RabbitMQ is cut off.") }
    try fleet.run("mend", alone)
  }
}
