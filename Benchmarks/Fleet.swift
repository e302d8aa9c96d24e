import Foundation
import SottoRelay
import SottoWire

/// A fleet that the script has brought up.
final class Fleet {
  struct Failed: Error {
    let status: Int32
    let output: String

    init(status: Int32 = 70, _ output: String) { (self.status, self.output) = (status, output) }
  }

  /// What a test has to know of `fleet.json`.
  private struct Description: Decodable {
    struct Relay: Decodable {
      let name: String
      let url: String
      let pid: Int32?
      let network: Int32?
      let log: String
    }

    struct Broker: Decodable {
      let name: String
    }

    struct Database: Decodable {
      let port: Int
      let database: String
      let administrator: String
      let passfile: String
    }

    let authority: String
    let certificate: String
    let relays: [Relay]
    let rabbitmq: [Broker]
    let postgresql: Database
  }

  private let script: String
  private let folder: String
  private let description: Description
  /// Of lives of relays that are over, and of today's when they were last asked.
  private var counted: [String: [Wakeup: Int]] = [:]
  private var past: [Wakeup: Int] = [:]

  init(script: String, in folder: String, programs: String, options: [String]) throws {
    self.script = script
    self.folder = "\(folder)/sotto-fleet-\(UInt32.random(in: 0 ... .max))"
    let guardian = ["--while", "\(ProcessInfo.processInfo.processIdentifier)"]
    do {
      try Self.run(script, ["up", self.folder, "--bin", programs] + guardian + options)
      description = try Self.description(of: self.folder)
    } catch {
      try? FileManager.default.removeItem(atPath: self.folder)
      throw error
    }
  }

  private static func description(of folder: String) throws -> Description {
    try JSONDecoder().decode(Description.self, from: Data(contentsOf: URL(filePath: folder + "/fleet.json")))
  }

  /// Whether each relay can have a network of its own on this machine.
  static func makesNetworks(_ script: String) -> Bool { (try? run(script, ["check", "--namespaces"])) != nil }

  var relays: [String] { description.relays.map(\.name) }
  var brokers: [String] { description.rabbitmq.map(\.name) }
  var hasNetworks: Bool { description.relays.allSatisfy { $0.network != nil } }

  /// The folder of the program that runs.
  func program(of relay: String) throws -> String {
    let found = try Self.description(of: folder).relays.first { $0.name == relay }
    guard let pid = found?.pid else { throw Failed("\(relay) does not run.") }
    let program = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(pid)/exe")
    return URL(filePath: program).deletingLastPathComponent().path
  }

  /// NGINX, by the name that its certificate is for.
  func front() throws -> (LoadTarget, RelayAuthority) {
    let found = try LoadTarget.at(
      "https://\(description.authority)", authorityFile: description.certificate, host: "127.0.0.1", process: nil)
    guard let found else { throw StartFailure.loadUnreachable }
    return found
  }

  /// Its first relay, past NGINX.
  func firstRelay() throws -> LoadTarget {
    guard let relay = description.relays.first, let port = URL(string: relay.url)?.port else {
      throw StartFailure.loadUnreachable
    }
    return LoadTarget(port: port, process: relay.pid)
  }

  /// What libpq connects to, past the relays.
  var database: String {
    let found = description.postgresql
    return
      "host=127.0.0.1 port=\(found.port) dbname=\(found.database) user=\(found.administrator) passfile=\(found.passfile)"
  }

  func run(_ verb: String, _ arguments: String...) throws { try Self.run(script, [verb, folder] + arguments) }

  /// Starts a relay whose clock is a day ahead, and looks whether it is.
  func startADayAhead(_ relay: String) throws {
    try Self.run(script, ["start", folder, relay], isADayAhead: true)
    let path = description.relays.first { $0.name == relay }?.log ?? ""
    let log = try String(contentsOfFile: path, encoding: .utf8)
    let last = log.matches(of: /"time":"([^"]+)"/).last.flatMap { try? Date(String($0.1), strategy: .iso8601) }
    guard let last, last > Date.now + 43_200 else {
      throw Failed("The clock of \(relay) is not a day ahead. Is faketime installed?")
    }
  }

  func remove() {
    _ = try? Self.run(script, ["down", folder])
    try? FileManager.default.removeItem(atPath: folder)
  }

  @discardableResult
  private static func run(_ script: String, _ arguments: [String], isADayAhead: Bool = false) throws -> String {
    let process = Process()
    process.executableURL = URL(filePath: "/bin/bash")
    process.arguments = [script] + arguments
    var environment = ProcessInfo.processInfo.environment
    if isADayAhead {
      // The loader puts the processor's folder in the place of $LIB.
      environment["LD_PRELOAD"] = "/usr/$LIB/faketime/libfaketimeMT.so.1"
      environment["FAKETIME"] = "+1d"
      environment["FAKETIME_DONT_FAKE_MONOTONIC"] = "1"
    }
    process.environment = environment
    let output = Pipe()
    process.standardOutput = output
    process.standardError = output
    process.standardInput = FileHandle.nullDevice
    try process.run()
    // It stays open otherwise, and who has a thousand files open must start no program: Foundation reads beyond the end of a
    // list of them (swift-corelibs-foundation 5472).
    defer { try? output.fileHandleForReading.close() }
    let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    guard process.terminationStatus == 0 else { throw Failed(status: process.terminationStatus, text) }
    return text
  }

  /// Asks every half second; fails after three minutes with what is wrong.
  func until(_ otherwise: String, _ isSo: () throws -> Bool) async throws {
    for _ in 0..<360 {
      if try isSo() { return }
      try await Task.sleep(for: .milliseconds(500))
    }
    throw Failed("\(otherwise).")
  }

  // MARK: Counters

  /// The sum of a metric's samples, or of those with this value of a label.
  func sample(_ metric: RelayMetric, _ value: String? = nil, of relay: String) throws -> Int {
    Self.sum(metric, value, in: try Self.run(script, ["metrics", folder, relay]))
  }

  private static func sum(_ metric: RelayMetric, _ value: String?, in text: String) -> Int {
    text.split(separator: "\n").reduce(0) { sum, line in
      let parts = line.split(separator: " ")
      guard parts.count == 2, parts[0].prefix(while: { $0 != "{" }) == metric.rawValue,
        value.map({ parts[0].contains("=\"\($0)\"") }) ?? true
      else { return sum }
      return sum + (Int(parts[1]) ?? 0)
    }
  }

  /// Asks the relays that run. One that counts less than before has started anew.
  func count() throws {
    for relay in relays {
      guard let text = try? Self.run(script, ["metrics", folder, relay]), !text.isEmpty else { continue }
      var now: [Wakeup: Int] = [:]
      for path in Wakeup.allCases { now[path] = Self.sum(.wakeups, path.rawValue, in: text) }
      let before = counted[relay] ?? [:]
      if Wakeup.allCases.contains(where: { now[$0, default: 0] < before[$0, default: 0] }) {
        past.merge(before) { $0 + $1 }
      }
      counted[relay] = now
    }
  }

  func wakeups(_ path: Wakeup) -> Int {
    past[path, default: 0] + counted.values.reduce(0) { $0 + $1[path, default: 0] }
  }
}
