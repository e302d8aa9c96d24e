internal import Foundation

/// A line of a configuration file: `name = value`. `#` at the start of a word begins a comment.
package struct ConfigurationLine: Sendable {
  package let name: String
  package let value: String
  /// The file and the number of the line, for whoever has to mend it.
  package let place: String

  /// Every line that says something; nil when there is no file. A line without `=` is an error.
  package static func all(in path: String) throws(StartFailure) -> [ConfigurationLine]? {
    let text: String
    do {
      text = try String(contentsOfFile: path, encoding: .utf8)
    } catch CocoaError.fileReadNoSuchFile {
      return nil
    } catch {
      throw .unreadableFile(path)
    }
    var lines: [ConfigurationLine] = []
    for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
      let content = withoutComment(line).trimmingCharacters(in: .whitespaces)
      let place = "\(path), line \(index + 1)"
      if content.isEmpty { continue }
      guard let equals = content.firstIndex(of: "=") else { throw .badLine(at: place) }
      lines.append(
        ConfigurationLine(
          name: content[..<equals].trimmingCharacters(in: .whitespaces),
          value: content[content.index(after: equals)...].trimmingCharacters(in: .whitespaces), place: place))
    }
    return lines
  }

  private static func withoutComment(_ line: Substring) -> Substring {
    var before: Character = " "
    for index in line.indices {
      if line[index] == "#", before.isWhitespace { return line[..<index] }
      before = line[index]
    }
    return line
  }
}

/// A relay's configuration file.
struct ConfigurationFile: Sendable {
  private(set) var values: [Setting: [String]] = [:]

  /// nil when there is no file. An unknown name and a name given twice are errors: what is misspelt must not be ignored.
  /// [operation.1]
  init?(path: String) throws(StartFailure) {
    guard let lines = try ConfigurationLine.all(in: path) else { return nil }
    for line in lines {
      guard let setting = Setting(rawValue: line.name) else { throw .unknownSetting(line.name, at: line.place) }
      guard setting.isList || values[setting] == nil else { throw .settingTwice(line.name, at: line.place) }
      values[setting, default: []].append(line.value)
    }
  }

  /// Complete, commented, and valid as it stands: what has a default is shown with it, the rest is commented out.
  static let example: String = {
    let defaults = RelayConfiguration(dataDirectory: "")
    var lines = [
      "# The configuration of sotto-relay: DATA/relay.conf, or the file that --config names.",
      "# The environment (SOTTO_RELAY_TLS_KEY for tls.key) wins over this file, and flags (--tls-key) win over both.",
      "# Settings marked `reload` come into force on SIGHUP, the others with a restart.",
    ]
    for setting in Setting.allCases {
      let value = defaults.values(of: setting).first.flatMap { $0.isEmpty ? nil : $0 }
      lines.append("")
      lines += setting.explanation.map { "# " + $0 }
      if setting.isReloadable { lines.append("# reload") }
      lines.append((value == nil ? "#" : "") + "\(setting.name) = \(value ?? setting.example)")
    }
    return lines.joined(separator: "\n") + "\n"
  }()
}
