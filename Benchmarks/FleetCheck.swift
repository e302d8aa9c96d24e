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
  @Option(help: "How many RabbitMQ: 1, or 3 to 5 that are a cluster, of which one is cut off too.") var brokers = 1
  @Option(
    help: """
      A folder with an older sotto-relay and sotto ($SOTTO_PREVIOUS_BIN): the fleet begins with them, and every relay is \
      replaced by today's.
      """)
  var previous: String?
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
    guard 1...100_000 ~= each, 1...256 ~= senders, 0...256 ~= sendSockets, [1, 3, 4, 5].contains(brokers) else {
      throw ValidationError("A number is out of range.")
    }
  }

  func run() async throws {
    let ledger = CrashLedger(mailboxes: Self.owners)
    let fleet: Fleet
    do {
      fleet = try Fleet(script: script, in: folder, programs: older ?? programs, options: options)
    } catch let failure as Fleet.Failed {
      BenchmarksCommand.say("The fleet does not come up.\n\(failure.output)")
      throw ExitCode(failure.status)
    }
    defer { fleet.remove() }
    let faults: Int
    do {
      faults = try await check(fleet, ledger)
    } catch let failure as Fleet.Failed {
      BenchmarksCommand.say("A fault did not go as it should.\n\(failure.output)")
      throw ExitCode(failure.status)
    }
    let answer = Answer(
      acknowledged: ledger.acknowledged, lost: ledger.lost, twice: ledger.twice, faults: faults,
      wakeupsLocal: fleet.wakeups(.local), wakeupsBus: fleet.wakeups(.bus), wakeupsSweep: fleet.wakeups(.look))
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys]
    BenchmarksCommand.print(String(decoding: try encoder.encode(answer), as: UTF8.self))
    guard answer.lost == 0, answer.twice == 0 else { throw ExitCode(1) }
  }

  /// Today's programs.
  private var programs: String {
    URL(filePath: BenchmarksCommand.sibling("sotto-relay")).resolvingSymlinksInPath().deletingLastPathComponent().path
  }

  private var older: String? {
    short || calm ? nil : previous ?? ProcessInfo.processInfo.environment["SOTTO_PREVIOUS_BIN"]
  }

  private var options: [String] {
    let networks = !short && !calm && Fleet.makesNetworks(script) ? ["--namespaces"] : []
    return networks + (short ? [] : ["--replica"]) + ["--brokers", "\(brokers)"]
  }

  /// What was not done, and why.
  private func skipped(_ fleet: Fleet) -> [String] {
    if short || calm { return [] }
    var skipped: [String] = []
    if !fleet.hasNetworks {
      skipped.append("a relay is cut off, in three ways: it takes root and iproute2 to give each relay a network")
    }
    if older == nil {
      skipped.append(
        "a newer version takes the place of an older: --previous DIR says where that is; all were restarted")
    }
    if brokers == 1 {
      skipped.append("one RabbitMQ and the others do not see each other: --brokers 3 brings several up")
    }
    return skipped
  }

  private func check(_ fleet: Fleet, _ ledger: CrashLedger) async throws -> Int {
    let load = try await FleetLoad(fleet, ledger, owners: Self.owners)
    load.start(senders: senders, sendSockets: sendSockets)
    try await load.acknowledge(each)
    var done = 0
    let faults = FleetFaults(load: load, each: each, newer: older == nil ? nil : programs)
    for fault in short ? faults.few(fleet) : faults.all(fleet) {
      if !calm {
        try await fault.run(fleet)
        done += 1
      }
      try await load.acknowledge(each)
      if !calm { BenchmarksCommand.say("\(fault.name): \(ledger.acknowledged) acknowledged") }
    }
    if plant { ledger.plant() }
    try await load.settle()
    try fleet.count()
    let skipped = skipped(fleet)
    for (index, fault) in skipped.enumerated() {
      BenchmarksCommand.say("SKIPPED \(index + 1) of \(skipped.count): \(fault).")
    }
    return done
  }
}
