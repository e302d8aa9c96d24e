import Foundation
import Testing

/// A real `sotto-relay` on a loopback port that stays its own across restarts.
final class RelayProcess: @unchecked Sendable {
  let data: String
  private(set) var port = 0
  private var process: Process?

  var url: String { "http://127.0.0.1:\(port)" }
  var pid: Int32 { process?.processIdentifier ?? -1 }
  var database: String { data + "/relay.sqlite" }

  init(data: String) async throws {
    self.data = data
    try await start()
  }

  deinit { kill() }

  /// Starts it, on the port that it had before.
  func start() async throws {
    let process = Process()
    process.executableURL = Programs.path("sotto-relay")
    process.arguments = ["serve", "--listen", "127.0.0.1:\(port)", "--data", data]
    process.environment = ["PATH": "/usr/bin:/bin", "SWIFT_BACKTRACE": "enable=no"]
    let output = Pipe()
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = output
    process.standardError = FileHandle.nullDevice
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

  /// As an operator would end it.
  func stop() -> Int32 {
    guard let process else { return -1 }
    process.terminate()
    process.waitUntilExit()
    return process.terminationStatus
  }
}
