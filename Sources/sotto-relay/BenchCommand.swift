internal import ArgumentParser
internal import Foundation
internal import SottoRelay
internal import SottoWire

/// `sotto-relay bench`: puts a load on a relay and says what it can do.
struct BenchCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench",
    abstract: "Put a load on a relay and say what it can do.",
    discussion: """
      Without --url it starts a relay of its own, with an empty folder, on this machine, and ends it afterwards. With \
      --url it creates mailboxes on a relay that runs, which must be yours and allow anyone to register, and deletes \
      them afterwards; with --pid too the relay's processor time and memory are measured.

      The generator works on one thread and says what share of this machine it took: beyond one core, it is the \
      generator that was measured.

      PHASES: accept (envelopes put on the send socket and answered when durable, at 1 and at 16 in flight for each \
      of 64 senders), put (the same with PUT requests), deliver (64 owners come back to 500 envelopes each), latency \
      (500 a second to owners who are online), idle and idle_tls (owners who are online, and nothing happens).

      EXIT CODES: 0 done; 64 usage; 69 the relay cannot be reached or refuses; 73 no folder for a relay; 76 the relay \
      answers nonsense or loses envelopes.
      """)

  @Option(help: "The relay to load. (default: one that is started for it)")
  var url: String?

  @Option(help: ArgumentHelp("A certificate authority to trust, PEM, for an https URL.", valueName: "file"))
  var caFile: String?

  @Option(help: "The relay's process on this machine.")
  var pid: Int32?

  @Option(help: "The folder in which the relay of its own keeps its data: its disk counts. (default: $TMPDIR)")
  var folder: String?

  @Option(help: "A phase; may be repeated. (default: all)")
  var phase: [Phase] = []

  @Option(help: "Mailboxes to spread envelopes over.") var mailboxes = 10_000
  @Option(help: "Envelopes of each of the 64 senders, at 1 in flight; at 16 it is four times as many.") var each = 500
  @Option(help: "Owners who are online at a time in the phases idle and idle_tls.") var idle = 10_000
  @Flag(help: "Answer with one JSON object a phase.") var json = false

  enum Phase: String, ExpressibleByArgument, CaseIterable {
    case accept, put, deliver, latency, idle
    case idleTLS = "idle_tls"

    var countsMemory: Bool { self == .idle || self == .idleTLS }
  }

  func validate() throws {
    guard 1...100_000 ~= mailboxes else { throw ValidationError("--mailboxes takes 1 to 100000.") }
    guard 1...2_000 ~= each else { throw ValidationError("--each takes 1 to 2000.") }
    guard 1...100_000 ~= idle else { throw ValidationError("--idle takes 1 to 100000.") }
    if url != nil, phase.contains(.idleTLS) {
      throw ValidationError("idle_tls is for a relay of its own; with an https URL, `idle` is what you want.")
    }
  }

  func run() async throws {
    try await Terminal.failing {
      OpenFiles.raiseLimit()
      let phases = phase.isEmpty ? Phase.allCases.filter { url == nil || $0 != .idleTLS } : phase
      let generator = LoadGenerator()
      let progress = BenchProgress()
      if !json { Terminal.write(BenchTable.head) }
      // Memory is counted in a relay that has just started: one that was busy before has freed memory to give.
      let parts = url == nil ? [phases.filter { !$0.countsMemory }, phases.filter { $0 == .idle }] : [phases]
      for part in parts where !part.isEmpty { try await load(generator, progress, part, tls: false) }
      if phases.contains(.idleTLS) { try await load(generator, progress, [.idleTLS], tls: true) }
      progress.clear()
      try await generator.stop()
    }
  }

  /// Runs phases on one relay.
  private func load(_ generator: LoadGenerator, _ progress: BenchProgress, _ phases: [Phase], tls: Bool) async throws {
    let own = try url == nil ? OwnRelay(in: folder, tls: tls) : nil
    defer { own?.stop() }
    let (target, authority) = try own?.place ?? place()
    let online = phases.contains(where: \.countsMemory) ? idle : 64
    let load = try await RelayLoad(generator, target, authority, mailboxes: tls ? 1 : mailboxes, owners: online) {
      progress.say("mailboxes created: \($0)")
    }
    for phase in phases {
      progress.say(phase.rawValue)
      for result in try await run(phase, load, progress) { try show(result, progress) }
    }
    if own == nil {
      progress.say("deleting the mailboxes")
      try await load.end()
    }
  }

  private func run(_ phase: Phase, _ load: RelayLoad, _ progress: BenchProgress) async throws -> [LoadResult] {
    func online(_ count: Int) { progress.say("owners online: \(count) of \(idle)") }
    switch phase {
    case .accept:
      return [
        try await load.accept(each: each, inFlight: 1), try await load.accept(each: each * 4, inFlight: 16),
      ]
    case .put: return [try await load.put(each: each)]
    case .deliver: return [try await load.deliver(each: each)]
    case .latency: return [try await load.latency()]
    case .idle: return [try await load.idle(idle, progress: online)]
    case .idleTLS: return [try await load.idle(idle, phase: .idleTLS, progress: online)]
    }
  }

  private func show(_ result: LoadResult, _ progress: BenchProgress) throws {
    progress.clear()
    if json { try Terminal.write(json: result) } else { Terminal.write(BenchTable.line(result)) }
  }

  /// The relay that `--url` names.
  private func place() throws -> (LoadTarget, RelayAuthority) {
    guard let target = try LoadTarget.at(url ?? "", authorityFile: caFile, process: pid) else {
      throw ValidationError("--url takes http://HOST:PORT or https://HOST[:PORT].")
    }
    return target
  }
}

/// A relay that lives as long as the command, an interrupted one too.
private final class OwnRelay {
  private let relay: LoadedRelay
  private let interrupts: [any DispatchSourceSignal]

  init(in folder: String?, tls: Bool) throws {
    let program = Bundle.main.executablePath ?? CommandLine.arguments[0]
    let relay = try LoadedRelay(program, in: folder ?? NSTemporaryDirectory(), tls: tls)
    self.relay = relay
    interrupts = [SIGINT, SIGTERM].map { number in
      signal(number, SIG_IGN)
      let source = DispatchSource.makeSignalSource(signal: number)
      source.setEventHandler {
        relay.stop()
        exit(128 + number)
      }
      source.resume()
      return source
    }
  }

  var place: (LoadTarget, RelayAuthority) { (relay.target, relay.authority) }

  func stop() {
    for source in interrupts { source.cancel() }
    relay.stop()
  }
}

/// What is being done, on a terminal's standard error alone.
private final class BenchProgress {
  private let isShown = isatty(FileHandle.standardError.fileDescriptor) == 1

  func say(_ text: String) { write("\r\u{1B}[K\(text)") }
  func clear() { write("\r\u{1B}[K") }
  private func write(_ text: String) {
    if isShown { FileHandle.standardError.write(Data(text.utf8)) }
  }
}

/// Results for people.
private enum BenchTable {
  static let head = row(["phase", "in flight", "per second", "relay us", "p50 us", "p99 us", "bytes each", "generator"])

  static func line(_ result: LoadResult) -> String {
    row([
      result.phase.rawValue, result.inFlight.map(String.init) ?? "", number(result.perSecond, 0),
      number(result.relayCPU, 1), number(result.p50, 0), number(result.p99, 0), number(result.rssPerConnection, 0),
      result.generatorShare.map { number($0 * 100, 0) + " %" } ?? "",
    ])
  }

  private static func row(_ cells: [String]) -> String {
    let first = cells[0] + String(repeating: " ", count: max(10 - cells[0].count, 0))
    return first + cells.dropFirst().map { String(repeating: " ", count: max(12 - $0.count, 1)) + $0 }.joined() + "\n"
  }

  private static func number(_ value: Double?, _ digits: Int) -> String {
    value.map { String(format: "%.\(digits)f", $0) } ?? ""
  }
}
