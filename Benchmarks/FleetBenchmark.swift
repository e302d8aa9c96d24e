import ArgumentParser
import Foundation
import SottoRelay
import SottoWire

/// `make bench-fleet`: envelopes through NGINX into PostgreSQL, with one relay and with three, beside a relay on SQLite
/// and bare batches of inserts and of accepts, round by round in turn; then a crowd that connects at once.
struct FleetBenchmark: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "fleet", abstract: "Measure a fleet beside a single relay and bare batches of inserts and accepts.")

  @Option(help: "How often each is measured; the median counts.") var rounds = 5
  @Option(help: "Requests on each of 512 connections; on each of 64 send sockets there are 16 times as many envelopes.")
  var each = 100
  @Option(help: "Mailboxes that envelopes are sent to.") var mailboxes = 10_000
  @Option(help: "Owners who come at once.") var sockets = 10_000
  @Option(help: "The script that brings a fleet up.") var script = "Deploy/fleet/fleet"
  @Option(help: "Where the fleets have their files: a path of at most 50 characters that everybody may enter.")
  var folder = "/tmp"
  @Flag(help: "Print one JSON object a line.") var json = false

  func validate() throws {
    guard 1...100 ~= rounds, 1...500 ~= each, 1_000...15_000 ~= sockets, 64...100_000 ~= mailboxes else {
      throw ValidationError("A number is out of range.")
    }
  }

  func run() async throws {
    OpenFiles.raiseLimit()
    do {
      let generator = LoadGenerator()
      let rows = FleetRows(isJSON: json)
      let three = try fleet(relays: 3)
      defer { three.remove() }
      try await compare(generator, three, rows)
      try await wakeups(generator, three, rows)
      try await storm(generator, three, rows)
      try await generator.stop()
    } catch let failure as Fleet.Failed {
      BenchmarksCommand.say("The fleet does not come up, or not as it should.\n\(failure.output)")
      throw ExitCode(failure.status)
    } catch let failure as StartFailure {
      BenchmarksCommand.say("\(failure)")
      throw ExitCode(failure.exitCode)
    }
  }

  private func fleet(relays: Int) throws -> Fleet {
    let programs = URL(filePath: BenchmarksCommand.sibling("sotto-relay")).resolvingSymlinksInPath()
    return try Fleet(
      script: script, in: folder, programs: programs.deletingLastPathComponent().path,
      options: ["--relays", "\(relays)"])
  }

  // MARK: In turn

  /// All of it is on one disk and on the same cores; what rests meanwhile takes next to nothing of either.
  private func compare(_ generator: LoadGenerator, _ three: Fleet, _ rows: FleetRows) async throws {
    let one = try fleet(relays: 1)
    defer { one.remove() }
    let sqlite = try LoadedRelay(BenchmarksCommand.sibling("sotto-relay"), in: folder)
    defer { sqlite.stop() }
    let (front, authority) = try one.front()
    let port = try await RelayLoad(generator, try one.firstRelay(), authority, mailboxes: mailboxes)
    let nginxOne = try await RelayLoad(generator, front, authority, mailboxes: mailboxes)
    let (frontOfThree, authorityOfThree) = try three.front()
    let nginxThree = try await RelayLoad(generator, frontOfThree, authorityOfThree, mailboxes: mailboxes)
    let single = try await RelayLoad(generator, sqlite.target, sqlite.authority, mailboxes: mailboxes)
    let relays: [(FleetRows.Lane, RelayLoad)] = [
      (.port, port), (.nginxOne, nginxOne), (.nginxThree, nginxThree), (.sqlite, single),
    ]
    let floors: [(FleetRows.Lane, () async throws -> LoadResult)] = [
      (.floor, { try Self.floor(one.database, rows: each * 64 * 16) }),
      (.lockedFloor, { try Self.floor(one.database, rows: each * 64 * 16, mailboxes: mailboxes) }),
    ]
    // What comes first pays for warming up; it is not counted.
    for isCounted in [false] + Array(repeating: true, count: rounds) {
      let many = relays.map { lane, load in (lane, { try await load.accept(each: each * 16, inFlight: 16) }) }
      try await rows.take(isCounted, .accept, many + floors)
      let puts = relays.map { lane, load in (lane, { try await load.put(senders: 512, each: each) }) }
      try await rows.take(isCounted, .put, puts)
      let fetches = relays.map { lane, load in (lane, { try await load.deliver(each: each * 8) }) }
      try await rows.take(isCounted, .deliver, fetches)
      let waits = relays.map { lane, load in (lane, { try await load.latency(perSecond: 200, seconds: 3) }) }
      try await rows.take(isCounted, .latency, waits)
    }
    try rows.show()
  }

  /// The program beside this one's folder of programs that `.ci/benchmark` has compiled. Given mailboxes it does
  /// accepts, and inserts otherwise.
  private static func floor(_ database: String, rows: Int, mailboxes: Int? = nil) throws -> LoadResult {
    let process = Process()
    process.executableURL = URL(filePath: ".build/postgresql-floor")
    process.arguments = [database, "64", "\(rows)"] + (mailboxes.map { ["\($0)"] } ?? [])
    let output = Pipe()
    process.standardOutput = output
    try process.run()
    let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    guard process.terminationStatus == 0, let perSecond = Double(text.trimmingCharacters(in: .whitespacesAndNewlines))
    else { throw StartFailure.loadUnreachable }
    var result = LoadResult(.accept, inFlight: 64, connections: 1)
    result.perSecond = perSecond
    return result
  }

  // MARK: By which way owners hear of envelopes

  private func wakeups(_ generator: LoadGenerator, _ fleet: Fleet, _ rows: FleetRows) async throws {
    let (front, authority) = try fleet.front()
    let load = try await RelayLoad(generator, front, authority, mailboxes: 1)
    for byRequest in [true, false] {
      try fleet.count()
      let before = Wakeup.allCases.map { fleet.wakeups($0) }
      _ = try await load.latency(perSecond: 200, seconds: 10, byRequest: byRequest)
      try fleet.count()
      let counts = zip(Wakeup.allCases, before).map { ($0, fleet.wakeups($0) - $1) }
      try rows.show(wakeups: counts, byRequest: byRequest)
    }
  }

  // MARK: A storm

  /// Everybody comes at once, and then once more all those whose relay was killed. What one client may open is bounded,
  /// so they come from several addresses.
  private func storm(_ generator: LoadGenerator, _ fleet: Fleet, _ rows: FleetRows) async throws {
    var (front, authority) = try fleet.front()
    front.sources = (1...8).map { "127.0.1.\($0)" }
    let load = try await RelayLoad(generator, front, authority, mailboxes: 1, owners: sockets)
    let owners = load.owners.prefix(sockets).map { StreamLoad($0, at: authority) }
    var opened: [LoadConnections<StreamLoad>] = []
    defer { for connections in opened { connections.closeSoon() } }
    let all = try await LoadMeasure.of(nil) { opened.append(try await generator.open(owners, to: front)) }
    try rows.show(storm: sockets, seconds: all.seconds, lost: false)
    // No program is started while so many files are open: see `Fleet`.
    if let process = try fleet.firstRelay().process { kill(process, SIGKILL) }
    // NGINX closes them at once; some seconds are enough for all of the closings to be seen.
    var gone: [Int] = []
    for _ in 0..<20 {
      try await Task.sleep(for: .milliseconds(500))
      let now = opened[0].ended
      if !now.isEmpty, now.count == gone.count { break }
      gone = now
    }
    let back = gone.map { owners[$0] }
    let again = try await LoadMeasure.of(nil) { opened.append(try await generator.open(back, to: front)) }
    try rows.show(storm: back.count, seconds: again.seconds, lost: true)
    guard opened[1].ended.isEmpty else { throw StartFailure.loadConnectionEnded }
  }
}
