internal import ArgumentParser
internal import Foundation
internal import SottoRelay

/// The push gateway's program.
@main
struct SottoPushCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "sotto-push",
    abstract: "A push gateway: it asks APNs, FCM and Web Push services to wake devices, and knows no mailbox.",
    version: RelayVersion.text,
    subcommands: [ServeCommand.self, ConfigCommand.self, KeyCommand.self])
}

/// How commands speak.
enum Terminal {
  /// Whole text on standard output.
  static func write(_ text: String) { FileHandle.standardOutput.write(Data(text.utf8)) }

  /// One object a line.
  static func write(json object: some Encodable) throws {
    let encoder = JSONEncoder()
    encoder.keyEncodingStrategy = .convertToSnakeCase
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    write(String(decoding: try encoder.encode(object), as: UTF8.self) + "\n")
  }

  /// Runs a command: a failure is what, meaning and next on standard error, and the exit code that belongs to it.
  static func failing<T>(_ body: () async throws -> T) async throws -> T {
    do {
      return try await body()
    } catch let failure as StartFailure {
      FileHandle.standardError.write(Data("sotto-push: \(failure)\n".utf8))
      throw ExitCode(failure.exitCode)
    }
  }
}
