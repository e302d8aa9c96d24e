import Foundation

/// A server that is started for a measurement, and ended with it.
final class MeasuredServer {
  private let process = Process()
  private let output = Pipe()

  var pid: Int32 { process.processIdentifier }

  init(_ program: String, _ arguments: [String]) throws {
    process.executableURL = URL(filePath: program)
    process.arguments = arguments
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = output
    process.standardError = FileHandle.nullDevice
    try process.run()
  }

  deinit { stop() }

  /// The port at the end of the first line that it writes.
  func announcedPort() -> Int? {
    let line = String(decoding: output.fileHandleForReading.availableData, as: UTF8.self)
    return line.split(separator: ":").last.flatMap { Int($0.prefix(while: \.isNumber)) }
  }

  func stop() {
    if process.isRunning { process.terminate() }
    process.waitUntilExit()
  }
}
