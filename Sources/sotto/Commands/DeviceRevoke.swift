internal import ArgumentParser
internal import SottoClient

/// `sotto device revoke NAME`: it is no device of the account any more.
struct DeviceRevokeCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "revoke", abstract: "Remove a device from the account.",
    discussion: """
      On the first device only. Your address changes with it, so that the device finds nobody any more; contacts and your
      other devices are told. What is on the removed device stays there.
      Exit code 75: the relay cannot be reached; the next send or receive tells it.
      """)

  @Argument(help: ArgumentHelp("A device's name or id, as `sotto device list` shows them.", valueName: "name"))
  var device: String

  @OptionGroup var registration: RegistrationOptions
  @OptionGroup var options: GlobalOptions

  func run() async throws {
    let chosen = registration.applied(to: options)
    let (revoked, isPublished) = try await options.withClient(chosen) { try await $0.revokeDevice(device) }
    if options.json {
      try Output.line(
        JSON([
          "device": .string(revoked.id), "revoked": .bool(true), "state": .string(isPublished ? "published" : "queued"),
        ]))
    } else {
      Output.note("Removed \(Output.harmless(revoked.name ?? revoked.id)). Your address is another one now:")
      Output.note("  sotto identity show")
      if !isPublished { Output.note("Queued: the relay cannot be reached now. The next send or receive tells it.") }
    }
    if !isPublished { throw ExitCode(ClientError.Code.queued.exitStatus) }
  }
}
