import Foundation
import Testing

/// A real `sotto-relay` on a loopback port that stays its own across restarts.
final class RelayProcess: @unchecked Sendable {
  let data: String
  /// More flags for `serve`.
  private let arguments: [String]
  private let environment: [String: String]
  private(set) var scheme = "http"
  private(set) var port = Socket.unusedPort()
  private var process: Process?
  /// A command that becomes the relay, the relay's own behind it.
  private let wrapper: [String]

  var url: String { "\(scheme)://127.0.0.1:\(port)" }
  var database: String { data + "/relay.sqlite" }
  /// What it wrote to standard error, over all its lives.
  var lines: [String] {
    let text = (try? String(contentsOfFile: log, encoding: .utf8)) ?? ""
    return text.split(separator: "\n").map(String.init)
  }

  /// What it wrote to standard error, and what became of standard output after the first line.
  var log: String { data + ".log" }
  var pid: Int32 { process?.processIdentifier ?? 0 }
  var isRunning: Bool { process?.isRunning ?? false }

  /// `settings` go to its configuration file, a line each.
  init(
    data: String, settings: KeyValuePairs<String, String> = [:], openFiles: Int? = nil, wrapper: [String] = [],
    arguments: [String] = [], environment: [String: String] = [:]
  ) async throws {
    (self.data, self.arguments, self.environment) = (data, arguments, environment)
    let limit = openFiles.map { ["/bin/sh", "-c", "ulimit -n \($0); exec \"$0\" \"$@\""] }
    self.wrapper = limit ?? wrapper
    if !settings.isEmpty {
      try FileManager.default.createDirectory(
        atPath: data, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
      let lines = settings.map { "\($0.key) = \($0.value)\n" }.joined()
      try Data(lines.utf8).write(to: URL(filePath: data + "/relay.conf"))
    }
    _ = FileManager.default.createFile(atPath: log, contents: nil)
    try await start()
  }

  deinit { kill() }

  /// Starts it, on the same port each time.
  func start() async throws {
    let process = Process()
    let arguments = ["serve", "--listen", "127.0.0.1:\(port)", "--data", data] + arguments
    let command = wrapper + [Programs.path("sotto-relay").path] + arguments
    process.executableURL = URL(filePath: command[0])
    process.arguments = Array(command.dropFirst())
    // What is said of a sweep is waited for, and is said at this level.
    let usual = ["PATH": "/usr/bin:/bin", "SWIFT_BACKTRACE": "enable=no", "SOTTO_RELAY_LOG_LEVEL": "debug"]
    process.environment = usual.merging(environment) { $1 }
    process.standardInput = FileHandle.nullDevice
    let errors = try #require(FileHandle(forWritingAtPath: log))
    try errors.seekToEnd()
    process.standardError = errors
    let output = try Programs.start(process) { process in
      let output = Pipe()
      process.standardOutput = output
      return output
    }
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
    for _ in 0..<6_000 {
      let found = lines.filter { $0.contains("\"event\":\"\(event)\"") }
      if found.count >= count { return found }
      try await Task.sleep(for: .milliseconds(20))
    }
    Issue.record("no '\(event)' in \(lines)")
    return []
  }

  /// Waits for the sweep that it begins when it listens, which writes too.
  func waitForSweep() {
    for _ in 0..<6_000 where isRunning {
      let sinceStart = lines.reversed().prefix { !$0.contains("\"event\":\"started\"") }
      if sinceStart.contains(where: { $0.contains("\"event\":\"swept\"") }) { return }
      usleep(20_000)
    }
    if isRunning { Issue.record("no sweep in \(lines)") }
  }

  /// As a power cut would end it.
  func kill() {
    guard let process, process.isRunning else { return }
    Foundation.kill(process.processIdentifier, SIGKILL)
    process.waitUntilExit()
  }

  /// As a bug would end it; how it ended.
  func abort() -> Int32 {
    guard let process, process.isRunning else { return -1 }
    Foundation.kill(process.processIdentifier, SIGABRT)
    process.waitUntilExit()
    return process.terminationStatus
  }

  /// Kilobytes of memory that are its own, of /proc/PID/status.
  func residentKilobytes() throws -> Int {
    let status = try String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8)
    let line = try #require(status.split(separator: "\n").first { $0.hasPrefix("VmRSS:") })
    return try #require(Int(line.split(separator: " ")[1].filter(\.isNumber)))
  }

  /// How it ends by itself; ends it after two minutes.
  func wait() -> Int32 {
    guard let process else { return -1 }
    for _ in 0..<6_000 where process.isRunning { usleep(20_000) }
    kill()
    return process.terminationReason == .exit ? process.terminationStatus : -process.terminationStatus
  }

  /// As an operator would end it.
  func stop() -> Int32 {
    guard let process else { return -1 }
    process.terminate()
    process.waitUntilExit()
    return process.terminationStatus
  }
}
