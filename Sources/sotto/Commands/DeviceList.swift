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
    if options.json {
      for device in devices { try Output.line(device.json) }
    } else {
      for line in TextTable.lines(devices.map(\.cells)) { try Output.line(line) }
    }
    if isRemoved { Output.note("This device was removed from the account: nothing comes or goes here any more.") }
  }
}
