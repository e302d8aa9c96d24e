internal import ArgumentParser
internal import Foundation
internal import SottoClient

/// `sotto device link`: without a code on the new device, with the code that it shows on the first one.
struct DeviceLinkCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "link", abstract: "Make another device one of the account's.",
    discussion: """
      On the new device:    sotto device link --relay URL
      On the first device:  sotto device link CODE

      The code is good for one use within 60 seconds. Both devices show fifteen digits: if they are equal, say so on both.
      Contacts and messages are handed over encrypted from one to the other.
      """)

  @Argument(help: "On the first device: the code that the new one shows.")
  var code: String?

  @Option(help: ArgumentHelp("On the new device: a relay where the two can meet.", valueName: "url"))
  var relay: String?

  @Option(help: ArgumentHelp("On the new device: what you call it.", valueName: "name"))
  var name: String?

  @Flag(help: "Do not ask whether the digits are equal; compare them yourself.")
  var yes = false

  @OptionGroup var registration: RegistrationOptions
  @OptionGroup var options: GlobalOptions

  func validate() throws {
    guard (code == nil) != (relay == nil) else {
      throw ValidationError("Give --relay URL on the new device, or on the first one the code that the new one shows.")
    }
    guard code == nil || name == nil else { throw ValidationError("--name is for the new device.") }
  }

  func run() async throws {
    // Who cannot be asked is not asked when it is too late.
    guard yes || (isatty(STDIN_FILENO) == 1 && isatty(STDERR_FILENO) == 1) else {
      throw ClientError(
        .usage, "There is no terminal to ask on whether the digits are equal.", meaning: "Nothing was handed over.",
        next: "Run it in a terminal, or compare the digits yourself and give --yes.")
    }
    if let code { try await linkOther(code) } else { try await linkThis(relay!) }
  }

  private var dialogue: LinkDialogue { LinkDialogue(json: options.json, yes: yes) }

  private func linkOther(_ code: String) async throws {
    let dialogue = dialogue
    let (device, isSent) = try await options.withClient { try await $0.linkDevice(code, confirm: dialogue.confirm) }
    if options.json {
      try Output.line(
        JSON([
          "device": .string(device.id), "name": device.name.map { .string($0) },
          "state": .string(isSent ? "sent" : "queued"),
        ]))
    } else {
      Output.note("\(Output.harmless(device.name ?? device.id)) is one of your devices now.")
      if !isSent { Output.note("Queued: contacts and messages follow with the next send or receive here.") }
    }
    if !isSent { throw ExitCode(ClientError.Code.queued.exitStatus) }
  }

  private func linkThis(_ relay: String) async throws {
    let passphrase = try Passphrase.read(options, isNew: true)
    let client = try await Client.linkDevice(
      home: options.homePath, passphrase: passphrase, name: name ?? "device \(UInt16.random(in: 100...999))",
      relay: relay, options: registration.applied(to: options), show: dialogue.show,
      confirm: dialogue.confirm)
    let identity = try await client.identity()
    try await client.close()
    if options.json { return try Output.line(identity.json) }
    try Output.line(identity.address)
    Output.note("This is a device of the account now, with its contacts and messages.")
  }
}

/// What both sides of a link say to their user, and ask.
private struct LinkDialogue: Sendable {
  let json: Bool
  let yes: Bool

  func show(_ code: String) async throws {
    if json { return try Output.line(JSON(["code": .string(code), "seconds": .number(60)])) }
    try Output.code(code)
    try Output.line(code)
    Output.note("Within 60 seconds, on the first device:  sotto device link CODE")
  }

  func confirm(_ digits: String) async throws -> Bool {
    if json {
      try Output.line(JSON(["digits": .string(digits)]))
    } else {
      Output.note("Both devices must show these digits:\n\n  \(digits)\n")
    }
    if yes { return true }
    Output.write(Array("Does the other device show the same? [y/N] ".utf8), to: STDERR_FILENO)
    return readLine()?.lowercased() == "y"
  }
}
