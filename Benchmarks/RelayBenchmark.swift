import ArgumentParser
import Foundation
import SottoRelay

/// `make bench-relay`: the relay, the floor and JetStream under the same load, round by round in turn.
struct RelayBenchmark: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "relay", abstract: "Measure the relay against the floor and against nats-server JetStream.")

  @Option(help: "How often each is measured; the median counts.") var rounds = 5
  @Option(help: "Envelopes of each of the 64 senders, at 1 in flight; at 16 it is four times as many.") var each = 500
  @Option(help: "Mailboxes to spread envelopes over.") var mailboxes = 10_000
  @Option(help: "Owners who are online at a time.") var idle = 10_000
  @Option(help: "Envelopes that wait in the phase accept_deep.") var deep = 100_000
  @Option(help: "Where the servers keep their data: its disk counts.") var folder = NSTemporaryDirectory()
  @Flag(help: "Print one JSON object a phase.") var json = false

  func validate() throws {
    guard 1...100 ~= rounds, 1...1_000 ~= each, 1...100_000 ~= mailboxes, 1...100_000 ~= idle,
      1_000...400_000 ~= deep
    else { throw ValidationError("A number is out of range.") }
  }

  func run() async throws {
    OpenFiles.raiseLimit()
    let folder = folder + "/sotto-benchmarks-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    do {
      let generator = LoadGenerator()
      let rows = RelayRows(isJSON: json)
      try await throughput(generator, folder, rows)
      try await online(generator, folder, rows)
      try await depth(generator, folder, rows)
      try await onlineWithTLS(generator, folder, rows)
      try await generator.stop()
      rows.finish()
    } catch let failure as StartFailure {
      BenchmarksCommand.say("\(failure)")
      throw ExitCode(failure.exitCode)
    }
  }

  private var relay: String { BenchmarksCommand.sibling("sotto-relay") }

  /// What is measured in turn: whatever this machine does meanwhile, it does to all of them.
  private func throughput(_ generator: LoadGenerator, _ folder: String, _ rows: RelayRows) async throws {
    let floor = try Floor(generator, in: folder)
    defer { floor.stop() }
    let jetStream = try await JetStream(generator, in: folder)
    defer { jetStream?.stop() }
    if jetStream == nil { BenchmarksCommand.say("nats-server is not installed: no ratio_jetstream.") }
    let own = try LoadedRelay(relay, in: folder)
    defer { own.stop() }
    let load = try await RelayLoad(generator, own.target, own.authority, mailboxes: mailboxes)
    // What comes first pays for warming up; it is not counted.
    for isCounted in [false] + Array(repeating: true, count: rounds) {
      for inFlight in [1, 16] {
        let each = inFlight == 1 ? each : each * 4
        try await rows.take(
          isCounted, relay: { try await load.accept(each: each, inFlight: inFlight) },
          floor: { try await floor.accept(each: each, inFlight: inFlight) },
          jetStream: jetStream.map { jetStream in { try await jetStream.accept(each: each, inFlight: inFlight) } })
      }
      try await rows.take(
        isCounted, relay: { try await load.put(each: each) },
        floor: { try await floor.accept(each: each, inFlight: 1) }, jetStream: nil)
      try await rows.take(
        isCounted, relay: { try await load.deliver(each: each) }, floor: nil,
        jetStream: jetStream.map { jetStream in { try await jetStream.deliver(each: each) } })
    }
    try rows.show()
  }

  /// Memory is counted in a relay that has just started: one that was busy before has freed memory to give.
  private func online(_ generator: LoadGenerator, _ folder: String, _ rows: RelayRows) async throws {
    let own = try LoadedRelay(relay, in: folder)
    defer { own.stop() }
    let load = try await RelayLoad(generator, own.target, own.authority, mailboxes: 1, owners: idle)
    let row = try await load.idle(idle)
    try rows.show(try await latency(load))
    try rows.show(row)
  }

  /// With and without 5,000 connections that begin a request and go on very slowly.
  private func latency(_ load: RelayLoad) async throws -> LoadResult {
    var result = try await load.latency()
    let crowd = try await load.crowd(min(5_000, idle))
    let besides = try await load.latency()
    crowd.closeSoon()
    result.ratioSlow = besides.p99.flatMap { slow in result.p99.map { slow / $0 } }
    return result
  }

  /// Accepts while little waits and while much does; and what that takes on the disk.
  private func depth(_ generator: LoadGenerator, _ folder: String, _ rows: RelayRows) async throws {
    let recipients = 100
    func filled(_ count: Int) async throws -> (LoadedRelay, RelayLoad) {
      let own = try LoadedRelay(relay, in: folder)
      let load = try await RelayLoad(generator, own.target, own.authority, mailboxes: recipients)
      try await load.fill(recipients: load.mailboxes[...], each: count / recipients)
      return (own, load)
    }
    let (deepRelay, deepLoad) = try await filled(deep)
    defer { deepRelay.stop() }
    let diskRatio = Double(deepRelay.bytesOnDisk) / Double(deep * 1_024)
    var results: [LoadResult] = []
    for _ in 0..<rounds {
      let (shallowRelay, shallowLoad) = try await filled(1_000)
      defer { shallowRelay.stop() }
      // Both have just started, or neither would be fair: what comes first warms up.
      _ = try await shallowLoad.accept(each: max(each / 4, 1), inFlight: 1)
      _ = try await deepLoad.accept(each: max(each / 4, 1), inFlight: 1)
      let shallow = try await shallowLoad.accept(each: each, inFlight: 1)
      var result = try await deepLoad.accept(each: each, inFlight: 1, phase: .acceptDeep)
      result.ratioShallow = result.perSecond.flatMap { deep in shallow.perSecond.map { deep / $0 } }
      results.append(result)
    }
    var result = RelayRows.median(results)
    result.diskRatio = diskRatio
    try rows.show(result)
  }

  private func onlineWithTLS(_ generator: LoadGenerator, _ folder: String, _ rows: RelayRows) async throws {
    let own = try LoadedRelay(relay, in: folder, tls: true)
    defer { own.stop() }
    let load = try await RelayLoad(generator, own.target, own.authority, mailboxes: 1, owners: idle)
    try rows.show(try await load.idle(idle, phase: .idleTLS))
  }
}

/// The floor's server and its senders.
private struct Floor {
  private let generator: LoadGenerator
  private let server: MeasuredServer
  private let target: LoadTarget

  init(_ generator: LoadGenerator, in folder: String) throws {
    self.generator = generator
    server = try MeasuredServer(BenchmarksCommand.sibling("benchmarks"), ["floor", "--file", folder + "/floor"])
    guard let port = server.announcedPort() else { throw StartFailure.loadUnreachable }
    target = LoadTarget(port: port, process: server.pid)
  }

  func accept(each: Int, inFlight: Int) async throws -> LoadResult {
    let connections = try await generator.open((0..<64).map { _ in FloorLoad(size: 1_024) }, to: target)
    defer { connections.closeSoon() }
    let measure = try await LoadMeasure.of(target.process) { try await connections.turn(each, inFlight: inFlight) }
    return LoadResult(.accept, inFlight: inFlight, connections: 64, count: 64 * each, measure)
  }

  func stop() { server.stop() }
}
