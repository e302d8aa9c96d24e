internal import ArgumentParser
internal import SottoClient

/// `sotto device list`: one line for each device.
struct DeviceListCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list", abstract: "List the account's devices.",
    discussion: "The first device holds the account key: it alone links and revokes.")

  @OptionGroup var options: GlobalOptions

  func run() async throws {
    let (devices, isRemoved) = try await options.withClient { (try await $0.devices(), try await $0.isRemoved()) }
    for device in devices { try options.json ? Output.line(device.json) : Output.line(device.line) }
    if isRemoved { Output.note("This device was removed from the account: nothing comes or goes here any more.") }
  }
}
