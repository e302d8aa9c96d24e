import Foundation
import Testing

/// A real `sotto-relay` on a loopback port that stays its own across restarts.
final class RelayProcess: @unchecked Sendable {
  let data: String
  private(set) var port = 0
  private var process: Process?
  /// How many files it may open; nil: as many as this process.
  private let openFiles: Int?

  var url: String { "http://127.0.0.1:\(port)" }
  var database: String { data + "/relay.sqlite" }

  /// What it wrote to standard error, and what became of standard output after the first line.
  var log: String { data + ".log" }
  var pid: Int32 { process?.processIdentifier ?? 0 }
  var isRunning: Bool { process?.isRunning ?? false }

  /// Added to its environment.
  private let environment: [String: String]

  /// `settings` go to its configuration file.
  init(
    data: String, settings: [String: String] = [:], openFiles: Int? = nil, environment: [String: String] = [:]
  ) async throws {
    self.data = data
    self.openFiles = openFiles
    self.environment = environment
    if !settings.isEmpty {
      try FileManager.default.createDirectory(
        atPath: data, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
      let lines = settings.map { "\($0.key) = \($0.value)\n" }.sorted().joined()
      try Data(lines.utf8).write(to: URL(filePath: data + "/relay.conf"))
    }
    try await start()
  }

  deinit { kill() }

  /// Starts it, on the port that it had before.
  func start() async throws {
    let process = Process()
    let arguments = ["serve", "--listen", "127.0.0.1:\(port)", "--data", data]
    if let openFiles {
      process.executableURL = URL(filePath: "/bin/sh")
      let script = "ulimit -n \(openFiles); exec \"$0\" \"$@\""
      process.arguments = ["-c", script, Programs.path("sotto-relay").path] + arguments
    } else {
      process.executableURL = Programs.path("sotto-relay")
      process.arguments = arguments
    }
    // The most that a relay can be made to say.
    process.environment = [
      "PATH": "/usr/bin:/bin", "SWIFT_BACKTRACE": "enable=no", "SOTTO_RELAY_LOG_LEVEL": "trace",
    ].merging(environment) { $1 }
    let output = Pipe()
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = output
    if !FileManager.default.fileExists(atPath: log) { try Data().write(to: URL(filePath: log)) }
    let errors = try FileHandle(forWritingTo: URL(filePath: log))
    try errors.seekToEnd()
    process.standardError = errors
    try process.run()
    self.process = process
    let line = await withCheckedContinuation { continuation in
      DispatchQueue.global().async {
        continuation.resume(returning: String(decoding: output.fileHandleForReading.availableData, as: UTF8.self))
      }
    }
    let prefix = "listening on http://127.0.0.1:"
    try #require(line.hasPrefix(prefix), "the relay said: \(line)")
    port = try #require(Int(line.dropFirst(prefix.count).prefix { $0.isNumber }))
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

  /// As an operator would end it.
  func stop() -> Int32 {
    guard let process else { return -1 }
    process.terminate()
    process.waitUntilExit()
    return process.terminationStatus
  }
}
