internal import Configuration
internal import Foundation
internal import Synchronization

/// Where settings come from: the file, then the environment, then the flags; the later wins. [operation.1]
public struct ConfigurationSources: Sendable {
  private let flags: [Setting: [String]]
  private let environment: [String: String]
  private let namedFile: String?
  private let defaultData: String

  /// `file` was named by the operator and must be there; nil means DATA/relay.conf, if it is there.
  public init(
    flags: [Setting: [String]], environment: [String: String], file: String?, homeDirectory: String
  ) {
    func said(_ name: String) -> String? { environment[name].flatMap { $0.isEmpty ? nil : $0 } }
    self.flags = flags
    self.environment = environment
    namedFile = file ?? said(Self.fileVariable)
    defaultData = (said("XDG_DATA_HOME") ?? homeDirectory + "/.local/share") + "/sotto-relay"
  }

  /// Names the file, as `--config` does.
  private static let fileVariable = Setting.environmentPrefix + "CONFIG"

  /// Reads everything, and checks it. Files are read again at every call.
  public func read() throws(StartFailure) -> EffectiveConfiguration {
    try checkEnvironment()
    var named: ConfigurationFile?
    if let namedFile {
      named = try ConfigurationFile(path: namedFile)
      if named == nil { throw .fileMissing(namedFile) }
    }
    let early = reader(named, reporter: nil)
    let data = values(of: .data, early)?.first ?? defaultData
    let path = namedFile ?? data + "/relay.conf"
    let file = if let named { named } else { try ConfigurationFile(path: path) }
    // The file of a folder lies in it, so it cannot say where that is.
    if named == nil, file?.values[.data] != nil { throw .dataInItself(at: path) }
    return try effective(file, path, data)
  }

  private func effective(
    _ file: ConfigurationFile?, _ path: String, _ data: String
  ) throws(StartFailure) -> EffectiveConfiguration {
    let origins = Origins(file: path)
    let reader = reader(file, reporter: origins)
    var configuration = RelayConfiguration(dataDirectory: data)
    for setting in Setting.allCases {
      guard let values = values(of: setting, reader) else { continue }
      guard configuration.set(setting, to: values) else {
        throw .badSetting(setting, from: origins.origin(of: setting))
      }
    }
    try configuration.check()
    return EffectiveConfiguration(
      configuration: configuration, origins: origins.all, file: file == nil ? nil : path)
  }

  /// A variable with our prefix and another name is a misspelling.
  private func checkEnvironment() throws(StartFailure) {
    let known = Set(Setting.allCases.map(\.environmentName) + [Self.fileVariable])
    let unknown = environment.keys.filter { $0.hasPrefix(Setting.environmentPrefix) && !known.contains($0) }
    if let name = unknown.min() { throw .unknownSetting(name, at: "the environment") }
  }

  private func reader(_ file: ConfigurationFile?, reporter: Origins?) -> ConfigReader {
    ConfigReader(
      providers: [
        Self.provider(flags),
        EnvironmentVariablesProvider(environmentVariables: environment).prefixKeys(with: ["sotto", "relay"]),
        Self.provider(file?.values ?? [:]),
      ], accessReporter: reporter)
  }

  private static func provider(_ values: [Setting: [String]]) -> InMemoryProvider {
    let pairs = values.map { setting, values in
      let content = setting.isList ? ConfigContent.stringArray(values) : .string(values.last ?? "")
      return (AbsoluteConfigKey(setting.key), ConfigValue(content, isSecret: false))
    }
    return InMemoryProvider(values: Dictionary(uniqueKeysWithValues: pairs))
  }

  /// nil when nobody says.
  private func values(of setting: Setting, _ reader: ConfigReader) -> [String]? {
    if setting.isList {
      // An empty list is one, not a list of an empty word.
      return reader.stringArray(forKey: setting.key).map { $0.filter { !$0.isEmpty } }
    }
    return reader.string(forKey: setting.key).map { [$0] }
  }
}

/// What is in force, and who said so.
public struct EffectiveConfiguration: Sendable {
  public let configuration: RelayConfiguration
  /// Settings that are not here have their defaults.
  let origins: [Setting: String]
  /// The file that was read, if any.
  public let file: String?

  /// A line for a person, or a machine, to read.
  public struct Line: Equatable, Sendable {
    public let setting: Setting
    /// Empty when it is not set.
    public let values: [String]
    /// `default`, a variable's name, a flag, or a file's path.
    public let origin: String
  }

  /// Every setting. None is secret: the key is named by its file.
  public var lines: [Line] {
    Setting.allCases.map {
      Line(setting: $0, values: configuration.values(of: $0), origin: origins[$0] ?? "default")
    }
  }

  /// Reads the certificate and its key, as `serve` would.
  public func checkCertificate() throws(StartFailure) { _ = try TLSCredentials(configuration) }

  /// A commented file that is valid as it stands.
  public static var example: String { ConfigurationFile.example }
}

/// Learns from the reader which provider answered.
private final class Origins: AccessReporter {
  private let file: String
  private let found = Mutex<[Setting: String]>([:])

  init(file: String) { self.file = file }

  var all: [Setting: String] { found.withLock { $0 } }
  func origin(of setting: Setting) -> String { all[setting] ?? "default" }

  func report(_ event: AccessEvent) {
    guard let setting = Setting(rawValue: event.metadata.key.description) else { return }
    // In the reader's order: flags, environment, file.
    for (place, result) in zip([setting.flag, setting.environmentName, file], event.providerResults) {
      guard case .success(let answer) = result.result, answer.value != nil else { continue }
      return found.withLock { $0[setting] = place }
    }
  }
}

extension Setting {
  fileprivate var key: ConfigKey { ConfigKey(name.split(separator: ".").map(String.init)) }
}
