import ArgumentParser
import Foundation
import NIOCore
import SottoRelay
import SottoWire
import Synchronization

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
          try fleet.run("start", "relay3", isADayAhead: true)
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
    let faults = faults(load)
    for fault in faults {
      if !calm { try await fault.run(fleet) }
      try await load.acknowledge(each)
      if !calm { BenchmarksCommand.say("\(fault.name): \(ledger.acknowledged) acknowledged") }
    }
    if plant { ledger.plant() }
    try await load.settle()
    try await fleet.count()
    return calm ? 0 : faults.count
  }
}

/// A fleet that the script has brought up.
private final class Fleet {
  struct Failed: Error {
    let status: Int32
    let output: String
  }

  /// What a test has to know of `fleet.json`.
  private struct Description: Decodable {
    struct Relay: Decodable {
      let name: String
      let metrics: String
    }

    let authority: String
    let certificate: String
    let relays: [Relay]
  }

  private let script: String
  private let folder: String
  private let description: Description
  private let generator = LoadGenerator()
  /// Of lives of relays that are over, and of today's when they were last asked.
  private var counted: [String: [Wakeup: Int]] = [:]
  private var past: [Wakeup: Int] = [:]

  init(script: String, in folder: String, programs: String, hasReplica: Bool) throws {
    self.script = script
    self.folder = "\(folder)/sotto-fleet-\(UInt32.random(in: 0 ... .max))"
    let bin = URL(filePath: programs).deletingLastPathComponent().path
    try Self.run(script, ["up", self.folder, "--bin", bin] + (hasReplica ? ["--replica"] : []))
    description = try JSONDecoder().decode(
      Description.self, from: Data(contentsOf: URL(filePath: self.folder + "/fleet.json")))
  }

  /// NGINX, by the name that its certificate is for.
  func front() throws -> (LoadTarget, RelayAuthority) {
    let found = try LoadTarget.at(
      "https://\(description.authority)", authorityFile: description.certificate, host: "127.0.0.1", process: nil)
    guard let found else { throw StartFailure.loadUnreachable }
    return found
  }

  func run(_ verb: String, _ part: String? = nil, isADayAhead: Bool = false) throws {
    try Self.run(script, [verb, folder] + [part].compactMap(\.self), isADayAhead: isADayAhead)
  }

  func remove() {
    try? Self.run(script, ["down", folder])
    try? FileManager.default.removeItem(atPath: folder)
  }

  private static func run(_ script: String, _ arguments: [String], isADayAhead: Bool = false) throws {
    let process = Process()
    process.executableURL = URL(filePath: "/bin/bash")
    process.arguments = [script] + arguments
    var environment = ProcessInfo.processInfo.environment
    if isADayAhead {
      environment["LD_PRELOAD"] = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1"
      environment["FAKETIME"] = "+1d"
      environment["FAKETIME_DONT_FAKE_MONOTONIC"] = "1"
    }
    process.environment = environment
    let output = Pipe()
    process.standardOutput = output
    process.standardError = output
    process.standardInput = FileHandle.nullDevice
    try process.run()
    let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    guard process.terminationStatus == 0 else { throw Failed(status: process.terminationStatus, output: text) }
  }

  // MARK: Counters

  /// Asks the relays that run. One that counts less than before has started anew.
  func count() async throws {
    for relay in description.relays {
      guard let url = URL(string: relay.metrics), let port = url.port else { continue }
      guard let asked = try? await generator.open([Metrics()], to: LoadTarget(port: port, process: nil)),
        let text = try await asked.conversations().first?.text
      else { continue }
      asked.closeSoon()
      var now: [Wakeup: Int] = [:]
      for path in Wakeup.allCases {
        let sample = "\(RelayMetric.wakeups.rawValue){path=\"\(path.rawValue)\"} "
        let line = text.split(separator: "\n").first { $0.hasPrefix(sample) }
        now[path] = line.flatMap { Int($0.dropFirst(sample.count)) } ?? 0
      }
      let before = counted[relay.name] ?? [:]
      if Wakeup.allCases.contains(where: { now[$0, default: 0] < before[$0, default: 0] }) {
        past.merge(before) { $0 + $1 }
      }
      counted[relay.name] = now
    }
  }

  func wakeups(_ path: Wakeup) -> Int {
    past[path, default: 0] + counted.values.reduce(0) { $0 + $1[path, default: 0] }
  }

  /// One scrape.
  private struct Metrics: LoadConversation {
    private(set) var text = ""

    mutating func begin(_ out: inout ByteBuffer) {
      out.writeString("GET /metrics HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n")
    }

    mutating func take(_ input: inout ByteBuffer, _ out: inout ByteBuffer) throws -> LoadProgress {
      var progress = LoadProgress()
      let whole = input
      if try HTTPAnswer(&input) != nil {
        text = String(buffer: whole)
        progress.isReady = true
      }
      return progress
    }
  }
}

/// Owners and senders that come back whenever their connection ends.
private final class FleetLoad: Sendable {
  private let ledger: CrashLedger
  private let target: LoadTarget
  private let authority: RelayAuthority
  private let generator = LoadGenerator()
  private let owners: [LoadMailbox]
  private let isOver = Atomic(false)
  private let tasks = Mutex<[Task<Void, Never>]>([])

  init(_ fleet: Fleet, _ ledger: CrashLedger, owners count: Int) async throws {
    self.ledger = ledger
    (target, authority) = try fleet.front()
    let load = try await RelayLoad(generator, target, authority, mailboxes: 0, owners: count)
    owners = Array(load.owners.prefix(count))
  }

  func start(senders: Int, sendSockets: Int) {
    let listening = owners.indices.map { index in Task { await self.listen(index) } }
    let sending = (0..<senders + sendSockets).map { number in
      Task { await self.send(isSocket: number >= senders) }
    }
    tasks.withLock { $0 = listening + sending }
  }

  /// Until so many more were acknowledged; fails after two minutes.
  func acknowledge(_ more: Int) async throws {
    let enough = ledger.acknowledged + more
    let end = ContinuousClock.now + .seconds(120)
    while ledger.acknowledged < enough {
      guard .now < end else { throw StartFailure.loadUnreachable }
      try await Task.sleep(for: .milliseconds(5))
    }
  }

  /// Says again what was not answered, and fetches everything.
  func settle() async throws {
    isOver.store(true, ordering: .relaxed)
    for task in tasks.withLock({ $0 }) { await task.value }
    let end = ContinuousClock.now + .seconds(60)
    while ledger.toSayAgain > 0, .now < end { await sendOnce(isSocket: false, ledger.toSayAgain) }
    // The second time everything must be gone.
    for _ in 0..<2 {
      for index in owners.indices {
        while .now < end {
          guard let stream = try? await open(index) else { continue }
          stream.closeSoon()
          break
        }
      }
      try await Task.sleep(for: .milliseconds(500))
    }
  }

  private func open(_ index: Int) async throws -> LoadConnections<CrashOwner> {
    try await generator.open([CrashOwner(index, owners[index], at: authority, ledger)], to: target)
  }

  private func listen(_ index: Int) async {
    while !isOver.load(ordering: .relaxed) {
      if let stream = try? await open(index) {
        while !isOver.load(ordering: .relaxed), !stream.hasEnded { try? await Task.sleep(for: .milliseconds(20)) }
        stream.closeSoon()
      }
      try? await Task.sleep(for: .milliseconds(.random(in: 0...500)))
    }
  }

  private func send(isSocket: Bool) async {
    while !isOver.load(ordering: .relaxed) {
      await sendOnce(isSocket: isSocket, 50)
      try? await Task.sleep(for: .milliseconds(.random(in: 0...100)))
    }
  }

  /// On one connection, until it ends or enough was said.
  private func sendOnce(isSocket: Bool, _ count: Int) async {
    let lane = Lane(ledger)
    if isSocket {
      let sender = FleetSocketSender(lane, owners, at: authority)
      if let open = try? await generator.open([sender], to: target) {
        await say(count, on: open)
      }
    } else {
      let sender = FleetSender(lane, owners, at: authority)
      if let open = try? await generator.open([sender], to: target) {
        await say(count, on: open)
      }
    }
    lane.end()
  }

  /// With time in between: what is asked is what becomes of envelopes, not how many there can be, and a part that comes
  /// back needs the processor too.
  private func say<Sender>(_ count: Int, on connection: LoadConnections<Sender>) async {
    for _ in 0..<count {
      guard (try? await connection.turn(1, inFlight: 1)) != nil else { break }
      try? await Task.sleep(for: .milliseconds(.random(in: 5...25)))
    }
    connection.closeSoon()
  }
}

/// The one envelope that a sender is about to have acknowledged.
private final class Lane: Sendable {
  private let ledger: CrashLedger
  private let current = Mutex<CrashLedger.Put?>(nil)

  init(_ ledger: CrashLedger) { self.ledger = ledger }

  func next() -> CrashLedger.Put {
    let put = ledger.next()
    current.withLock { $0 = put }
    return put
  }

  func answered() {
    if let put = current.withLock({ $0.take() }) { ledger.answered(put.name) }
  }

  /// What was not answered is said again by somebody.
  func end() {
    if let put = current.withLock({ $0.take() }) { ledger.unanswered(put.name) }
  }
}

/// A request for each envelope.
private struct FleetSender: LoadConversation {
  private let lane: Lane
  private let mailboxes: [LoadMailbox]
  private let authority: RelayAuthority

  init(_ lane: Lane, _ mailboxes: [LoadMailbox], at authority: RelayAuthority) {
    (self.lane, self.mailboxes, self.authority) = (lane, mailboxes, authority)
  }

  mutating func begin(_ out: inout ByteBuffer) {}
  var isReadyAtOnce: Bool { true }

  mutating func say(_ out: inout ByteBuffer) {
    let put = lane.next()
    let bytes = put.envelope
    out.writeString(
      """
      PUT \(Route.envelope(mailboxes[put.mailbox].id, put.name).path) HTTP/1.1\r\nhost: \(authority.text)\r\n\
      sotto-capability: \(LoadMailbox.capability.text)\r\ncontent-length: \(bytes.count)\r\n\r\n
      """)
    out.writeBytes(bytes)
  }

  mutating func take(_ input: inout ByteBuffer, _ out: inout ByteBuffer) throws -> LoadProgress {
    var progress = LoadProgress()
    while let answer = try HTTPAnswer(&input) {
      guard 200..<300 ~= answer.status else { throw StartFailure.loadRefused(answer.status) }
      lane.answered()
      progress.done += 1
    }
    return progress
  }
}

/// A send socket.
private struct FleetSocketSender: LoadConversation {
  private var socket: LoadWebSocket
  private let lane: Lane
  private let mailboxes: [LoadMailbox]
  private var number: UInt32 = 0
  private var isOpen = false

  init(_ lane: Lane, _ mailboxes: [LoadMailbox], at authority: RelayAuthority) {
    (self.lane, self.mailboxes) = (lane, mailboxes)
    var entropy = SplitMix64()
    socket = LoadWebSocket(.send, at: authority, from: &entropy)
  }

  mutating func begin(_ out: inout ByteBuffer) { socket.begin(&out) }

  mutating func say(_ out: inout ByteBuffer) {
    let put = lane.next()
    number += 1
    let frame = PutFrame(
      number: number, mailbox: mailboxes[put.mailbox].id, id: put.name, capability: LoadMailbox.capability,
      bytes: put.envelope)
    socket.write(frame.encoded, &out)
  }

  mutating func take(_ input: inout ByteBuffer, _ out: inout ByteBuffer) throws -> LoadProgress {
    var progress = LoadProgress()
    if !isOpen {
      isOpen = try socket.opened(&input)
      progress.isReady = isOpen
    }
    while isOpen, let message = try socket.message(&input) {
      guard case .answers(let answers)? = try? SendFrame(decoding: Array(message.readableBytesView)) else {
        throw StartFailure.loadConnectionEnded
      }
      for answer in answers {
        if let problem = answer.problem { throw StartFailure.loadRefused(problem.status) }
        lane.answered()
      }
      progress.done += answers.count
    }
    return progress
  }
}
