import ArgumentParser
import Foundation
import SottoRelay

/// `make fleet-check`: a whole fleet loses one part after the other while envelopes are put and fetched through NGINX, and
/// what became of each is counted.
struct FleetCheck: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "fleet-check",
    abstract: "Take a fleet's parts away under load, and count what was lost or shown twice.",
    discussion: "The last line is one JSON object. EXIT CODES: 0 nothing lost, nothing shown twice; 1 otherwise.")

  @Option(help: "Acknowledgements at least while a part is away, and after it has come back.") var each = 200
  @Option(help: "Senders that put with a request for each envelope.") var senders = 6
  @Option(help: "Senders that put on a send socket.") var sendSockets = 2
  @Option(help: "The script that brings a fleet up.") var script = "Deploy/fleet/fleet"
  @Option(help: "Where the fleet has its files: a path of at most 50 characters that everybody may enter.")
  var folder = "/tmp"
  @Flag(help: "Only what takes seconds: a relay killed, PostgreSQL restarted, RabbitMQ away, NGINX reloaded.")
  var short = false
  @Flag(help: "No faults: only the load, for as many acknowledgements as the faults would take.") var calm = false
  @Flag(help: "Plant one dropped acknowledgement and one doubled delivery, to see that they are counted.")
  var plant = false

  private static let owners = 24

  private struct Answer: Encodable {
    let acknowledged: Int
    let lost: Int
    let twice: Int
    let faults: Int
    let wakeupsLocal: Int
    let wakeupsBus: Int
    let wakeupsSweep: Int

    enum CodingKeys: String, CodingKey {
      case acknowledged, lost, twice, faults
      case wakeupsLocal = "wakeups_local"
      case wakeupsBus = "wakeups_bus"
      case wakeupsSweep = "wakeups_sweep"
    }
  }

  func validate() throws {
    guard 1...100_000 ~= each, 1...256 ~= senders, 0...256 ~= sendSockets else {
      throw ValidationError("A number is out of range.")
    }
  }

  func run() async throws {
    let ledger = CrashLedger(mailboxes: Self.owners)
    let fleet: Fleet
    do {
      fleet = try Fleet(
        script: script, in: folder, programs: BenchmarksCommand.sibling("sotto-relay"), hasReplica: !short)
    } catch let failure as Fleet.Failed {
      BenchmarksCommand.say("The fleet does not come up.\n\(failure.output)")
      throw ExitCode(failure.status)
    }
    defer { fleet.remove() }
    let faults = try await check(fleet, ledger)
    let answer = Answer(
      acknowledged: ledger.acknowledged, lost: ledger.lost, twice: ledger.twice, faults: faults,
      wakeupsLocal: fleet.wakeups(.local), wakeupsBus: fleet.wakeups(.bus), wakeupsSweep: fleet.wakeups(.look))
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys]
    BenchmarksCommand.print(String(decoding: try encoder.encode(answer), as: UTF8.self))
    guard answer.lost == 0, answer.twice == 0 else { throw ExitCode(1) }
  }

  /// What is done to the fleet. In between, and while something is away, it has to go on.
  private func faults(_ load: FleetLoad) -> [(name: String, run: (Fleet) async throws -> Void)] {
    func away(_ part: String, by verb: String) -> (Fleet) async throws -> Void {
      { fleet in
        try await fleet.count()
        try fleet.run(verb, part)
        if !part.hasPrefix("postgresql") { try await load.acknowledge(each) }
        try fleet.run("start", part)
      }
    }
    let quick: [(String, (Fleet) async throws -> Void)] = [
      ("a relay is killed", away("relay1", by: "kill")), ("PostgreSQL is restarted", away("postgresql", by: "stop")),
      ("RabbitMQ is stopped", away("rabbitmq", by: "stop")),
      ("NGINX is reloaded", { try $0.run("reload", "nginx") }),
    ]
    if short { return quick }
    return quick + [
      ("a relay is drained", away("relay2", by: "stop")), ("PostgreSQL is killed", away("postgresql", by: "kill")),
      ("RabbitMQ is killed", away("rabbitmq", by: "kill")),
      (
        "every relay is restarted in turn",
        { fleet in for relay in ["relay1", "relay2", "relay3"] { try await away(relay, by: "stop")(fleet) } }
      ),
      (
        "a relay's clock is a day ahead",
        { fleet in
          try await fleet.count()
          try fleet.run("stop", "relay3")
          try fleet.startADayAhead("relay3")
        }
      ),
      // The last: the first database stays where it is.
      (
        "PostgreSQL is killed, and the replica takes over",
        { fleet in
          try fleet.run("kill", "postgresql")
          try fleet.run("promote")
        }
      ),
    ]
  }

  private func check(_ fleet: Fleet, _ ledger: CrashLedger) async throws -> Int {
    let load = try await FleetLoad(fleet, ledger, owners: Self.owners)
    load.start(senders: senders, sendSockets: sendSockets)
    try await load.acknowledge(each)
    var done = 0
    for fault in faults(load) {
      if !calm {
        try await fault.run(fleet)
        done += 1
      }
      try await load.acknowledge(each)
      if !calm { BenchmarksCommand.say("\(fault.name): \(ledger.acknowledged) acknowledged") }
    }
    if plant { ledger.plant() }
    try await load.settle()
    try await fleet.count()
    return done
  }
}
