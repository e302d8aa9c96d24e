import ArgumentParser
import Foundation

/// Measurements that do not ship, and the check that takes too long for the tests. `make` knows how to start each.
@main
struct BenchmarksCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "benchmarks", abstract: "Measure Sotto against what bounds it and against its peers.",
    subcommands: [
      CryptoBenchmark.self, RelayBenchmark.self, ClientBenchmark.self, FleetBenchmark.self, CrashCheck.self,
      ClientCheck.self, FleetCheck.self, FloorServer.self,
    ])

  /// A program of the same build.
  static func sibling(_ name: String) -> String {
    let own = Bundle.main.executablePath ?? CommandLine.arguments[0]
    return URL(filePath: own).deletingLastPathComponent().appending(path: name).path
  }

  /// A line on standard output, at once.
  static func print(_ text: String) { FileHandle.standardOutput.write(Data((text + "\n").utf8)) }

  static func say(_ text: String) { FileHandle.standardError.write(Data((text + "\n").utf8)) }
}
