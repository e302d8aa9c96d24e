package import SottoRelay

/// Where the gateway's settings come from: the file, then the environment, then flags; the later wins. [operation.16]
package struct GatewaySources: Sendable {
  private let flags: [GatewaySetting: String]
  private let environment: [String: String]
  private let file: String?

  /// `file` nil: none was named by a flag.
  package init(flags: [GatewaySetting: String], environment: [String: String], file: String?) {
    (self.flags, self.environment, self.file) = (flags, environment, file)
  }

  /// What is said of a setting, and by whom.
  package struct Said: Equatable, Sendable {
    package let value: String
    /// `default`, a variable's name, a flag, or a file's path.
    package let origin: String

    package init(value: String, origin: String) { (self.value, self.origin) = (value, origin) }
  }

  /// Names the file, as `--config` does.
  private static let fileVariable = GatewaySetting.environmentPrefix + "CONFIG"

  /// Reads everything. What is misspelt is an error.
  package func read() throws(StartFailure) -> [GatewaySetting: Said] {
    let known = Set(GatewaySetting.allCases.map(\.environmentName) + [Self.fileVariable])
    let unknown = environment.keys.filter { $0.hasPrefix(GatewaySetting.environmentPrefix) && !known.contains($0) }
    if let name = unknown.min() { throw .unknownSetting(name, at: "the environment") }
    var said: [GatewaySetting: Said] = [:]
    for setting in GatewaySetting.allCases {
      said[setting] = setting.standard.map { Said(value: $0, origin: "default") }
    }
    if let path = file ?? environment[Self.fileVariable] {
      guard let lines = try ConfigurationLine.all(in: path) else { throw .fileMissing(path) }
      var seen: Set<GatewaySetting> = []
      for line in lines {
        guard let setting = GatewaySetting(rawValue: line.name) else {
          throw .unknownSetting(line.name, at: line.place)
        }
        guard seen.insert(setting).inserted else { throw .settingTwice(line.name, at: line.place) }
        said[setting] = Said(value: line.value, origin: path)
      }
    }
    for setting in GatewaySetting.allCases {
      if let value = environment[setting.environmentName], !value.isEmpty {
        said[setting] = Said(value: value, origin: setting.environmentName)
      }
      if let value = flags[setting] {
        said[setting] = Said(value: value, origin: "--" + String(setting.rawValue.map { $0 == "." ? "-" : $0 }))
      }
    }
    return said
  }

  /// Complete, commented, and of the form that is read.
  package static let example: String = {
    var lines = [
      "# The configuration of sotto-push: the file that --config or SOTTO_PUSH_CONFIG names.",
      "# The environment (SOTTO_PUSH_BUS_PASSWORD for bus.password) wins over this file, and flags (--bus-password) win over both.",
    ]
    for setting in GatewaySetting.allCases {
      lines.append("")
      lines += setting.explanation.map { "# " + $0 }
      lines.append((setting.standard == nil ? "#" : "") + "\(setting.rawValue) = \(setting.example)")
    }
    return lines.joined(separator: "\n") + "\n"
  }()
}
