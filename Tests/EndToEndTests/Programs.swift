import Foundation
import Synchronization
import Testing

/// The real programs, which the same build has put beside these tests, run as processes.
enum Programs {
  static let folder: URL = {
    let bundle = Bundle.allBundles.first { $0.bundlePath.hasSuffix(".xctest") }?.bundleURL
    return (bundle ?? Bundle.main.executableURL!).deletingLastPathComponent()
  }()

  static func path(_ name: String) -> URL { folder.appending(path: name) }

  private static let spawning = Mutex(())

  /// Starts a process whose pipes `connect` makes, and no other meanwhile: a pipe that is made while another process
  /// starts is that process's too, and whoever reads it to its end waits for a relay that lives as long as the tests.
  static func start<R: Sendable>(_ process: Process, _ connect: (Process) -> R) throws -> R {
    try spawning.withLock { _ in
      let connected = connect(process)
      try process.run()
      return connected
    }
  }
}

/// How a program ended and what it wrote.
struct Outcome: CustomStringConvertible {
  let arguments: [String]
  let status: Int32
  let stdout: Data
  let stderr: String

  var output: String { String(decoding: stdout, as: UTF8.self) }
  var lines: [String] { output.split(separator: "\n").map(String.init) }
  /// Standard output as JSON objects, one a line.
  var objects: [[String: Any]] { lines.compactMap(Self.object) }
  /// The error that `--json` asks for, on standard error.
  var error: [String: Any]? { stderr.split(separator: "\n").compactMap { Self.object(String($0)) }.last }

  private static func object(_ line: String) -> [String: Any]? {
    try? JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
  }

  var description: String { "\(arguments.joined(separator: " ")) -> \(status)\n\(output)\(stderr)" }
}

/// Runs a program to its end. Blocking waits are kept off the pool that runs the tests.
@discardableResult
func run(
  _ program: URL, _ arguments: [String], input: Data = Data(), environment: [String: String] = [:],
  killedAfter limit: TimeInterval = 300
) async throws -> Outcome {
  try await withCheckedThrowingContinuation { continuation in
    DispatchQueue.global().async {
      continuation.resume(
        with: Result { try runBlocking(program, arguments, input: input, environment, limit) })
    }
  }
}

private func runBlocking(
  _ program: URL, _ arguments: [String], input: Data, _ environment: [String: String], _ limit: TimeInterval
) throws -> Outcome {
  let process = Process()
  process.executableURL = program
  process.arguments = arguments
  // Nothing of the developer's own environment may leak in.
  process.environment = ["PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "SWIFT_BACKTRACE": "enable=no"]
    .merging(environment) { $1 }
  let (stdin, stdout, stderr) = try Programs.start(process) { process in
    let pipes = (Pipe(), Pipe(), Pipe())
    (process.standardInput, process.standardOutput, process.standardError) = pipes
    return pipes
  }
  // They stay open otherwise, and a process that has some thousand files open must start no other: see `SlowCrowd`.
  defer {
    try? stdout.fileHandleForReading.close()
    try? stderr.fileHandleForReading.close()
  }
  let timer = DispatchWorkItem { kill(process.processIdentifier, SIGKILL) }
  DispatchQueue.global().asyncAfter(deadline: .now() + limit, execute: timer)
  defer { timer.cancel() }
  DispatchQueue.global().async {
    try? stdin.fileHandleForWriting.write(contentsOf: input)
    try? stdin.fileHandleForWriting.close()
  }
  let errors = Box(Data())
  let readers = DispatchGroup()
  DispatchQueue.global().async(group: readers) { errors.value = stderr.fileHandleForReading.readDataToEndOfFile() }
  let output = stdout.fileHandleForReading.readDataToEndOfFile()
  readers.wait()
  process.waitUntilExit()
  let status = process.terminationReason == .exit ? process.terminationStatus : 128 + process.terminationStatus
  return Outcome(
    arguments: arguments, status: status, stdout: output, stderr: String(decoding: errors.value, as: UTF8.self))
}

/// Returns at once, but for the last minutes of a day in UTC, when it returns in the next: for what counts days, or shows them.
func awayFromMidnight() async throws {
  let left = 86_400 - Int(Date.now.timeIntervalSince1970) % 86_400
  if left < 300 { try await Task.sleep(for: .seconds(left + 1)) }
}

private final class Box<T>: @unchecked Sendable {
  var value: T
  init(_ value: T) { self.value = value }
}

/// A folder that goes when its owner does.
final class TemporaryFolder: Sendable {
  let path: String

  init() throws {
    path = FileManager.default.temporaryDirectory.appending(path: "sotto-test-\(UUID().uuidString)").path
    try FileManager.default.createDirectory(
      atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  func file(_ name: String) -> String { path + "/" + name }
}
