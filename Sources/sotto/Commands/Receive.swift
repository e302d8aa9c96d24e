internal import ArgumentParser
internal import Foundation
internal import SottoClient

/// `sotto receive`: prints what waits at the relay, and returns when the relay says that it has caught up.
struct ReceiveCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(commandName: "receive", abstract: "Receive messages.")

  @Flag(help: "Go on receiving until interrupted.")
  var follow = false

  @Flag(help: "Wait until the gateway wakes this device, at its Web Push endpoint on this machine, and receive then.")
  var waitPush = false

  @OptionGroup var options: GlobalOptions

  func validate() throws {
    guard !(follow && waitPush) else {
      throw ValidationError("Who goes on receiving is not woken: give --follow or --wait-push.")
    }
  }

  func run() async throws {
    let json = options.json
    try await options.withClient { client in
      if waitPush {
        try await client.waitForPush { Output.note("Waiting for a push.") }
        Output.note("Woken.")
      }
      try await client.receive(follow: follow) { messages in
        for notice in messages where notice.isNotice { Output.note("\(Output.harmless(notice.from)): \(notice.text)") }
        try Output.write(messages.filter { !$0.isNotice }.map { (json ? $0.json.text : $0.line) + "\n" }.joined())
      }
      if let end = try await client.paidUntil(), end < Date.now.addingTimeInterval(7 * 86_400) {
        let day = end.formatted(.iso8601.year().month().day())
        Output.note("After \(day) nobody finds you at the relay any more. To stay: sotto identity register")
      }
    }
  }
}

extension ReceivedMessage {
  var json: JSON {
    JSON([
      "id": .string(id), "from": .string(from), "text": .string(text), "received_at": .string(RFC3339.text(receivedAt)),
      "sent_at": .string(RFC3339.text(sentAt)), "request": .bool(isRequest), "answers": answers.map { .string($0) },
      "file": file.map { .object($0.json) },
      "disappears_after": disappearsAfter.map { .number($0) },
    ])
  }

  var line: String {
    let who = isRequest ? "\(from) (a stranger: reply or `sotto contact add` to accept)" : from
    let fetch = file == nil ? "" : "  sotto download \(isRequest ? "ADDRESS" : Output.word(from)) \(id.prefix(8))"
    return "\(RFC3339.text(receivedAt))  \(Output.harmless(who)): \(Output.harmless(file.after(text)))\(fetch)"
  }
}
