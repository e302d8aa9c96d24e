internal import ArgumentParser
internal import Foundation
internal import SottoClient

/// `sotto send CONTACT TEXT`: returns when the relay has stored the message.
struct SendCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "send", abstract: "Send a message.",
    discussion: """
      Exit code 0: the relay has stored it. 75: it is queued here, and the next send or receive tries again.
      """)

  @Argument(help: "A contact's name, or an address.")
  var contact: String

  @Argument(help: "The text; `-` reads it from standard input, byte for byte. With --attach it may be left out.")
  var text: String?

  @Option(help: ArgumentHelp("A file to send, of at most 4 GiB; its name goes with it.", valueName: "file"))
  var attach: String?

  @Option(help: ArgumentHelp("What the file is, such as image/png.", valueName: "type"))
  var mediaType: String?

  @Option(help: ArgumentHelp("The id of the message that this answers, or its beginning.", valueName: "id"))
  var replyTo: String?

  @OptionGroup var options: GlobalOptions

  func validate() throws {
    guard text != nil || attach != nil else { throw ValidationError("Give a text, or a file with --attach.") }
    guard mediaType == nil || attach != nil else { throw ValidationError("--media-type goes with --attach.") }
  }

  func run() async throws {
    let text = text == "-" ? try Self.standardInput() : text ?? ""
    let bar = ProgressBar("Sending", isQuiet: options.json)
    defer { bar.end() }
    let message = try await options.withClient { client in
      guard let attach else { return try await client.send(text, to: contact, answering: replyTo) }
      return try await client.send(
        text, file: attach, mediaType: mediaType, to: contact, answering: replyTo, progress: bar.show)
    }
    bar.end()
    if options.json {
      try Output.line(
        JSON([
          "id": .string(message.id), "state": .string(message.state.rawValue), "confirmed": .bool(message.isConfirmed),
        ]))
    } else if message.state == .queued {
      Output.note("Queued: the relay cannot be reached now. The next send or receive tries again.")
    } else if !message.isConfirmed {
      Output.note("Sent; it is confirmed when they answer.")
    }
    if message.state == .queued { throw ExitCode(ClientError.Code.queued.exitStatus) }
  }

  /// Everything up to the end, kept as it is.
  private static func standardInput() throws -> String {
    var bytes: [UInt8] = []
    while bytes.count <= ClientLimits.text,
      let more = try FileHandle.standardInput.read(upToCount: ClientLimits.text + 1 - bytes.count), !more.isEmpty
    {
      bytes += more
    }
    guard bytes.count <= ClientLimits.text else {
      throw ClientError(
        .badData, "The text is longer than \(ClientLimits.text) bytes.", meaning: "Nothing was sent.",
        next: "Send it in parts.")
    }
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw ClientError(
        .badData, "Standard input is not valid UTF-8.",
        meaning: "A message is text, and changing its bytes silently would be wrong. Nothing was sent.",
        next: "Convert it first, for example with iconv or base64.")
    }
    return text
  }
}
