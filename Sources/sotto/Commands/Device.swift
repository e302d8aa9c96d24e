internal import ArgumentParser
internal import SottoClient

/// `sotto device`: the devices of one account.
struct DeviceCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "device", abstract: "Use one account on several devices.",
    subcommands: [DeviceLinkCommand.self, DeviceListCommand.self, DeviceRevokeCommand.self])
}

extension DeviceSummary {
  var json: JSON {
    JSON([
      "device": .string(id), "name": name.map { .string($0) }, "this": .bool(isThisOne), "first": .bool(isFirst),
    ])
  }

  var line: String {
    var line = "\(id)  \(Output.harmless(name ?? "-"))"
    if isFirst { line += "  first" }
    if isThisOne { line += "  this one" }
    return line
  }
}
