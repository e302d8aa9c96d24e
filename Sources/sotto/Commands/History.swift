internal import ArgumentParser
internal import Foundation
internal import SottoClient

/// `sotto history [CONTACT]`: what was said; without a contact, all conversations at a glance.
struct HistoryCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "history", abstract: "Show a conversation, or all of them at a glance.",
    discussion: "Reading the history marks nothing as read: `sotto receive` and `sotto chat` do.")

  @Argument(help: "A contact's name, or an address; without one, a line for each conversation.")
  var contact: String?

  @Option(help: ArgumentHelp("How many of the newest messages.", valueName: "n"))
  var limit = 50

  @Option(help: ArgumentHelp("How many of the newest to leave out.", valueName: "n"))
  var skip = 0

  @Flag(help: "Delete the conversation's messages here, for good.")
  var clear = false

  @OptionGroup var options: GlobalOptions

  func validate() throws {
    guard limit > 0, skip >= 0 else { throw ValidationError("--limit is 1 or more, --skip 0 or more.") }
    if clear, contact == nil { throw ValidationError("--clear needs a contact.") }
  }

  func run() async throws {
    guard let contact else { return try await conversations() }
    if clear { return try await clear(contact) }
    let messages = try await options.withClient {
      try await $0.history(with: contact, skipping: skip, limit: limit)
    }
    try Output.lines(of: messages, asJSON: options.json)
  }

  private func conversations() async throws {
    let conversations = try await options.withClient { try await $0.conversations() }
    if options.json {
      for conversation in conversations { try Output.line(conversation.json) }
      return
    }
    let rows = conversations.map { conversation in
      [
        conversation.isRequest ? "\(conversation.contact) (request)" : conversation.contact,
        conversation.unread > 0 ? "\(conversation.unread) new" : "",
        conversation.last.map { Moment($0.recordedAt).age(now: .now) } ?? "",
        conversation.last.map { Output.oneLine($0.shown) } ?? "",
      ]
    }
    for line in TextTable.lines(rows) { try Output.line(line) }
  }

  private func clear(_ contact: String) async throws {
    try await options.withClient { try await $0.clearHistory(with: contact) }
    if options.json {
      try Output.line(JSON(["contact": .string(contact), "cleared": .bool(true)]))
    } else {
      Output.note("Deleted the messages with \(contact), here and not on their side.")
    }
  }
}

extension HistoryMessage {
  var json: JSON {
    JSON([
      "id": .string(id), "contact": .string(contact), "author": .string(authorName), "text": .string(text),
      "sent_at": .string(RFC3339.text(sentAt)), "recorded_at": .string(RFC3339.text(recordedAt)),
      "state": .string(state.rawValue), "unread": isUnread ? .bool(true) : nil, "answers": answers.map { .string($0) },
      "file": file.map { .object($0.json) },
      "disappears_after": disappearsAfter.map { .number($0) },
    ])
  }

  private var authorName: String {
    switch author {
    case .me: "me"
    case .them: "them"
    case .notice: "notice"
    }
  }

  /// A line for a person; what it answers stands before it.
  var line: String {
    let time = RFC3339.text(recordedAt)
    let quote = answeredText.map { "“\(Output.oneLine($0, limit: 40))” — " } ?? ""
    switch author {
    case .notice: return "\(time)  * \(Output.harmless(text))"
    case .them: return "\(time)  \(Output.harmless(contact)): \(quote)\(Output.harmless(shown))"
    case .me: return "\(time)  me: \(quote)\(Output.harmless(shown))  [\(state.words)]"
    }
  }

  /// The text, and the file if there is one.
  var shown: String { file.after(text) }
}

extension HistoryMessage.State {
  /// For a person.
  var words: String { self == .unconfirmed ? "sent, not confirmed" : rawValue }
}

extension ConversationSummary {
  var json: JSON {
    JSON([
      "contact": .string(contact), "request": .bool(isRequest), "verified": .bool(isVerified),
      "unread": .number(unread), "last_text": last.map { .string($0.text) },
      "last_at": last.map { .string(RFC3339.text($0.recordedAt)) },
    ])
  }
}

extension Output {
  static func lines(of messages: [HistoryMessage], asJSON: Bool) throws {
    for message in messages { try asJSON ? line(message.json) : line(message.line) }
  }
}
