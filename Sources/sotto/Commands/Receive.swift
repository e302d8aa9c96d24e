internal import ArgumentParser
internal import Foundation
internal import SottoClient

/// `sotto receive`: prints what waits at the relay, and returns when the relay says that it has caught up.
struct ReceiveCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(commandName: "receive", abstract: "Receive messages.")

  @Flag(help: "Go on receiving until interrupted.")
  var follow = false

  @OptionGroup var options: GlobalOptions

  func run() async throws {
    let json = options.json
    try await options.withClient { client in
      try await client.receive(follow: follow) { messages in
        try Output.write(messages.map { (json ? $0.json.text : $0.line) + "\n" }.joined())
      }
    }
  }
}

extension ReceivedMessage {
  var json: JSON {
    JSON([
      "id": .string(id), "from": .string(from), "text": .string(text), "received_at": .string(Self.time(receivedAt)),
      "sent_at": .string(Self.time(sentAt)), "request": .bool(isRequest),
    ])
  }

  var line: String {
    let who = isRequest ? "\(from) (a stranger: reply or `sotto contact add` to accept)" : from
    return "\(Self.time(receivedAt))  \(Output.harmless(who)): \(Output.harmless(text))"
  }

  /// RFC 3339, in UTC, with milliseconds.
  private static func time(_ date: Date) -> String {
    date.formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true))
  }
}
