import Foundation
import Testing

/// A real `sotto-relay` on a loopback port that stays its own across restarts.
final class RelayProcess: @unchecked Sendable {
  let data: String
  /// More flags for `serve`.
  private let arguments: [String]
  private let environment: [String: String]
  private(set) var scheme = "http"
  private(set) var port = 0
  private var process: Process?

  var url: String { "\(scheme)://127.0.0.1:\(port)" }
  var database: String { data + "/relay.sqlite" }
  /// What it wrote to standard error, over all its lives.
  var lines: [String] {
    let text = (try? String(contentsOfFile: data + ".log", encoding: .utf8)) ?? ""
    return text.split(separator: "\n").map(String.init)
  }

  init(data: String, arguments: [String] = [], environment: [String: String] = [:]) async throws {
    (self.data, self.arguments, self.environment) = (data, arguments, environment)
    _ = FileManager.default.createFile(atPath: data + ".log", contents: nil)
    try await start()
  }

  deinit { kill() }

  /// Starts it, on the port that it had before.
  func start() async throws {
    let process = Process()
    process.executableURL = Programs.path("sotto-relay")
    process.arguments = ["serve", "--listen", "127.0.0.1:\(port)", "--data", data] + arguments
    process.environment = ["PATH": "/usr/bin:/bin", "SWIFT_BACKTRACE": "enable=no"].merging(environment) { $1 }
    let output = Pipe()
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = output
    let log = try #require(FileHandle(forWritingAtPath: data + ".log"))
    try log.seekToEnd()
    process.standardError = log
    try process.run()
    self.process = process
    let line = await withCheckedContinuation { continuation in
      DispatchQueue.global().async {
        continuation.resume(returning: String(decoding: output.fileHandleForReading.availableData, as: UTF8.self))
      }
    }
    let said = line.prefixMatch(of: /listening on (https?):\/\/127\.0\.0\.1:(\d+)\n/)
    let address = try #require(said, "the relay said: \(line)\(lines.joined(separator: "\n"))")
    (scheme, port) = (String(address.1), try #require(Int(address.2)))
  }

  func signal(_ signal: Int32) {
    if let process, process.isRunning { Foundation.kill(process.processIdentifier, signal) }
  }

  /// Waits until it has written `count` log lines with this event; fails when none comes.
  func logged(_ event: String, _ count: Int = 1) async throws -> [String] {
    for _ in 0..<1_000 {
      let found = lines.filter { $0.contains("\"event\":\"\(event)\"") }
      if found.count >= count { return found }
      try await Task.sleep(for: .milliseconds(20))
    }
    Issue.record("no '\(event)' in \(lines)")
    return []
  }

  /// As a power cut would end it.
  func kill() {
    guard let process, process.isRunning else { return }
    Foundation.kill(process.processIdentifier, SIGKILL)
    process.waitUntilExit()
  }

  /// As an operator would end it.
  func stop() -> Int32 {
    guard let process else { return -1 }
    process.terminate()
    process.waitUntilExit()
    return process.terminationStatus
  }
}
