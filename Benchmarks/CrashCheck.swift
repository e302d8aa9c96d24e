import ArgumentParser
import Foundation
import NIOCore
import SottoRelay
import SottoWire

/// `make crash-check`: kills the relay again and again while envelopes are put and fetched, and counts.
struct CrashCheck: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "crash-check", abstract: "Kill the relay under load, and count what was lost or shown twice.",
    discussion: "The last line is one JSON object. EXIT CODES: 0 nothing lost, nothing shown twice; 1 otherwise.")

  /// Half of the owners are online in a cycle; the others come back in the next.
  private static let owners = 32
  private static let senders = 16
  private static let inFlight = 16

  @Option(help: "How often to kill it.") var cycles = 20
  @Option(help: "Acknowledgements at least from one kill to the next.") var each = 1_000
  @Option(help: "Where the relay keeps its data.") var folder = NSTemporaryDirectory()
  @Flag(help: "Plant one dropped acknowledgement and one doubled delivery, to see that they are counted.")
  var plant = false

  private struct Answer: Encodable {
    let cycles: Int
    let acknowledged: Int
    let lost: Int
    let twice: Int
  }

  func validate() throws {
    guard 1...10_000 ~= cycles, 1...100_000 ~= each else { throw ValidationError("A number is out of range.") }
  }

  func run() async throws {
    let ledger = CrashLedger(mailboxes: Self.owners)
    do {
      try await check(ledger)
    } catch let failure as StartFailure {
      BenchmarksCommand.say("\(failure)")
      throw ExitCode(failure.exitCode)
    }
    let answer = Answer(
      cycles: cycles, acknowledged: ledger.acknowledged, lost: ledger.lost, twice: ledger.twice)
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys]
    BenchmarksCommand.print(String(decoding: try encoder.encode(answer), as: UTF8.self))
    guard answer.lost == 0, answer.twice == 0 else { throw ExitCode(1) }
  }

  private func check(_ ledger: CrashLedger) async throws {
    let relay = try LoadedRelay(BenchmarksCommand.sibling("sotto-relay"), in: folder)
    defer { relay.stop() }
    let generator = LoadGenerator()
    let load = try await RelayLoad(generator, relay.target, relay.authority, mailboxes: 0, owners: Self.owners)
    let owners = Array(load.owners.prefix(Self.owners))
    for cycle in 1...cycles {
      try await live(cycle, relay, generator, owners, ledger)
      ledger.relayEnded()
      try relay.restart()
      BenchmarksCommand.say("killed \(cycle) times, \(ledger.acknowledged) acknowledged")
    }
    if plant { ledger.plant() }
    try await settle(relay, generator, owners, ledger)
    try await generator.stop()
  }

  /// One life of the relay: until enough was acknowledged, and then any moment.
  private func live(
    _ cycle: Int, _ relay: LoadedRelay, _ generator: LoadGenerator, _ owners: [LoadMailbox], _ ledger: CrashLedger
  ) async throws {
    let online = owners.indices.filter { ($0 + cycle).isMultiple(of: 2) }
    let streams = try await generator.open(
      online.map { CrashOwner($0, owners[$0], at: relay.authority, ledger) }, to: relay.target)
    let senders = try await generator.open(
      (0..<Self.senders).map { _ in CrashSender(Lane(ledger), owners, at: relay.authority) }, to: relay.target)
    let enough = ledger.acknowledged + each + .random(in: 0..<each)
    let sending = Task { try await senders.turn(.max, inFlight: Self.inFlight) }
    while ledger.acknowledged < enough {
      try await Task.sleep(for: .milliseconds(1))
      // A relay that ends by itself, or refuses, is a finding of its own.
      if senders.hasEnded { try await sending.value }
    }
    relay.end()
    _ = await sending.result
    streams.closeSoon()
  }

  /// Says again what was not answered, and fetches everything.
  private func settle(
    _ relay: LoadedRelay, _ generator: LoadGenerator, _ owners: [LoadMailbox], _ ledger: CrashLedger
  ) async throws {
    let sender = try await generator.open([CrashSender(Lane(ledger), owners, at: relay.authority)], to: relay.target)
    if ledger.toSayAgain > 0 { try await sender.turn(ledger.toSayAgain, inFlight: Self.inFlight) }
    sender.closeSoon()
    // The second time everything must be gone.
    for _ in 0..<2 {
      let streams = try await generator.open(
        owners.indices.map { CrashOwner($0, owners[$0], at: relay.authority, ledger) }, to: relay.target)
      streams.closeSoon()
      try await Task.sleep(for: .milliseconds(200))
    }
  }
}

/// Puts what the ledger says on a send socket, and tells it what was answered.
struct CrashSender: LoadConversation {
  private var socket: LoadWebSocket
  private let mailboxes: [LoadMailbox]
  private let lane: Lane
  private var names: [UInt32: EnvelopeID] = [:]
  private var number: UInt32 = 0
  private var isOpen = false

  init(_ lane: Lane, _ mailboxes: [LoadMailbox], at authority: RelayAuthority) {
    self.mailboxes = mailboxes
    self.lane = lane
    var entropy = SplitMix64()
    socket = LoadWebSocket(.send, at: authority, from: &entropy)
  }

  mutating func begin(_ out: inout ByteBuffer) { socket.begin(&out) }

  mutating func say(_ out: inout ByteBuffer) {
    let put = lane.next()
    number += 1
    names[number] = put.name
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
    guard isOpen else { return progress }
    while let message = try socket.message(&input) {
      guard case .answers(let answers)? = try? SendFrame(decoding: Array(message.readableBytesView)) else {
        throw StartFailure.loadConnectionEnded
      }
      for answer in answers {
        if let problem = answer.problem { throw StartFailure.loadRefused(problem.status) }
        if let name = names.removeValue(forKey: answer.number) { lane.answered(name) }
      }
      progress.done += answers.count
    }
    return progress
  }
}

/// Fetches, tells the ledger, and acknowledges.
struct CrashOwner: LoadConversation {
  private var socket: LoadWebSocket
  private let number: Int
  private let mailbox: LoadMailbox
  private let authority: RelayAuthority
  private let ledger: CrashLedger
  private var epoch: UInt64 = 0
  private var isOpen = false

  init(_ number: Int, _ mailbox: LoadMailbox, at authority: RelayAuthority, _ ledger: CrashLedger) {
    (self.number, self.mailbox, self.authority, self.ledger) = (number, mailbox, authority, ledger)
    var entropy = SplitMix64()
    socket = LoadWebSocket(.stream(mailbox.id), at: authority, from: &entropy)
  }

  mutating func begin(_ out: inout ByteBuffer) { socket.begin(&out) }

  mutating func take(_ input: inout ByteBuffer, _ out: inout ByteBuffer) throws -> LoadProgress {
    var progress = LoadProgress()
    if !isOpen { isOpen = try socket.opened(&input) }
    guard isOpen else { return progress }
    var last: UInt64?
    while let message = try socket.message(&input) {
      switch try? ServerFrame(decoding: Array(message.readableBytesView)) {
      case .challenge(let challenge)?:
        epoch = challenge.restoreEpoch
        socket.write(mailbox.answer(challenge, authority), &out)
      case .envelope(let index, _, let bytes)?:
        guard let content = try? EnvelopeID(Array(bytes.prefix(EnvelopeID.count))) else { continue }
        ledger.given(content, index, to: number)
        last = index
      case .caughtUp?: progress.isReady = true
      default: throw StartFailure.loadConnectionEnded
      }
    }
    if let last { socket.write(ClientFrame.ack(index: last, restoreEpoch: epoch).encoded, &out) }
    return progress
  }
}
