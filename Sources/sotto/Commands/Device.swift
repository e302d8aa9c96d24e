internal import ArgumentParser
internal import SottoClient

/// `sotto device`: the devices of one account.
struct DeviceCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "device", abstract: "Use one account on several devices.",
    subcommands: [
      DeviceLinkCommand.self, DeviceListCommand.self, DeviceRevokeCommand.self, DevicePushCommand.self,
    ])
}

extension DeviceSummary {
  var json: JSON {
    JSON([
      "device": .string(id), "name": name.map { .string($0) }, "this": .bool(isThisOne), "first": .bool(isFirst),
    ])
  }

  var cells: [String] {
    [id, Output.harmless(name ?? "(no name)"), isFirst ? "first" : "", isThisOne ? "this one" : ""]
  }
}
