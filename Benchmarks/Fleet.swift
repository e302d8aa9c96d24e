import Foundation
import NIOCore
import SottoRelay
import SottoWire

/// A fleet that the script has brought up.
final class Fleet {
  struct Failed: Error {
    let status: Int32
    let output: String
  }

  /// What a test has to know of `fleet.json`.
  private struct Description: Decodable {
    struct Relay: Decodable {
      let name: String
      let url: String
      let pid: Int32?
      let metrics: String
      let log: String
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
    let postgresql: Database
  }

  private let script: String
  private let folder: String
  private let description: Description
  private let generator = LoadGenerator()
  /// Of lives of relays that are over, and of today's when they were last asked.
  private var counted: [String: [Wakeup: Int]] = [:]
  private var past: [Wakeup: Int] = [:]

  init(script: String, in folder: String, programs: String, relays: Int = 3, hasReplica: Bool) throws {
    self.script = script
    self.folder = "\(folder)/sotto-fleet-\(UInt32.random(in: 0 ... .max))"
    let bin = URL(filePath: programs).deletingLastPathComponent().path
    let guardian = ["--while", "\(ProcessInfo.processInfo.processIdentifier)"]
    do {
      let size = ["--relays", "\(relays)"] + (hasReplica ? ["--replica"] : [])
      try Self.run(script, ["up", self.folder, "--bin", bin] + guardian + size)
    } catch {
      try? FileManager.default.removeItem(atPath: self.folder)
      throw error
    }
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

  func run(_ verb: String, _ part: String? = nil) throws { try run(verb, part, isADayAhead: false) }

  private func run(_ verb: String, _ part: String?, isADayAhead: Bool) throws {
    try Self.run(script, [verb, folder] + [part].compactMap(\.self), isADayAhead: isADayAhead)
  }

  /// Starts a relay whose clock is a day ahead, and looks whether it is.
  func startADayAhead(_ relay: String) throws {
    try run("start", relay, isADayAhead: true)
    let path = description.relays.first { $0.name == relay }?.log ?? ""
    let log = try String(contentsOfFile: path, encoding: .utf8)
    let last = log.matches(of: /"time":"([^"]+)"/).last.flatMap { try? Date(String($0.1), strategy: .iso8601) }
    guard let last, last > Date.now + 43_200 else {
      throw Failed(status: 70, output: "The clock of \(relay) is not a day ahead. Is faketime installed?")
    }
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
