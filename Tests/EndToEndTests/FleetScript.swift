import Foundation
import Testing

/// Relays, PostgreSQL, RabbitMQ and NGINX, as this script brings them up.
enum FleetScript {
  static let path = URL(filePath: #filePath).deletingLastPathComponent()
    .appending(path: "../../Deploy/fleet/fleet").standardized.path

  static let isRunnable: Bool = {
    let check = Process()
    check.executableURL = URL(filePath: "/bin/bash")
    check.arguments = [path, "check"]
    check.standardOutput = FileHandle.nullDevice
    check.standardError = FileHandle.nullDevice
    guard FileManager.default.fileExists(atPath: "/usr/include/amqp.h"), (try? check.run()) != nil else { return false }
    check.waitUntilExit()
    if check.terminationStatus != 0 { print("SKIPPED the fleet: a server that it needs is not on this machine") }
    return check.terminationStatus == 0
  }()

  /// Runs it; fails unless it ends with 0.
  @discardableResult
  static func run(_ arguments: String...) async throws -> String { try await run(arguments) }

  @discardableResult
  static func run(_ arguments: [String]) async throws -> String {
    let outcome = try await EndToEndTests.run(URL(filePath: "/bin/bash"), [path] + arguments, killedAfter: 900)
    try #require(outcome.status == 0, "\(outcome)")
    return outcome.output
  }
}
