import ArgumentParser
struct CrashCheck: AsyncParsableCommand {
  static let configuration = CommandConfiguration(commandName: "crash-check", abstract: "x")
  func run() async throws {}
}
