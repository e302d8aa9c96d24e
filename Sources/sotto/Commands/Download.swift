internal import ArgumentParser
internal import SottoClient

/// `sotto download CONTACT ID`: fetches the file that a message brought.
struct DownloadCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "download", abstract: "Fetch the file that a message brought.",
    discussion: """
      Nothing is overwritten. What was fetched before a cut is not fetched again. A relay keeps files for 30 days.
      """)

  @Argument(help: "A contact's name, or an address.")
  var contact: String

  @Argument(
    help: ArgumentHelp(
      "The message's id, or the beginning of it, as `sotto receive` shows it; without one, the newest file."))
  var id: String?

  @Option(
    help: ArgumentHelp(
      "A folder, where it gets the name that its author gave it, or a new file; else the present folder.",
      valueName: "path"))
  var to: String?

  @OptionGroup var options: GlobalOptions

  func run() async throws {
    let bar = ProgressBar("Fetching", isQuiet: options.json)
    defer { bar.end() }
    let path = try await options.withClient {
      try await $0.download(id, from: contact, to: to, progress: bar.show)
    }
    bar.end()
    if options.json {
      try Output.line(JSON(["path": .string(path)]))
    } else {
      try Output.line(path)
    }
  }
}
