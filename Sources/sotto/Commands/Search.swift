internal import ArgumentParser
internal import SottoClient

/// `sotto search TEXT`: messages that have it in them, newest first.
struct SearchCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "search", abstract: "Find messages by what they say.",
    discussion: "Capitals do not matter. Any part of a word is found.")

  @Argument(help: "The text to look for.")
  var text: String

  @Option(help: ArgumentHelp("Only in the conversation with this contact.", valueName: "contact"))
  var with: String?

  @Option(help: ArgumentHelp("How many at most.", valueName: "n"))
  var limit = 50

  @OptionGroup var options: GlobalOptions

  func validate() throws {
    guard limit > 0 else { throw ValidationError("--limit is 1 or more.") }
    guard !text.isEmpty else { throw ValidationError("There is nothing to look for: the text is empty.") }
  }

  func run() async throws {
    let messages = try await options.withClient { try await $0.search(text, with: with, limit: limit) }
    try Output.lines(of: messages, asJSON: options.json)
    if messages.isEmpty, !options.json { Output.note("Nothing was found.") }
  }
}
