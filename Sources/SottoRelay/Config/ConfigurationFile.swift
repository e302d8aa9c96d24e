internal import Foundation

/// A configuration file: `name = value` a line, `#` at the start of a word begins a comment.
struct ConfigurationFile: Sendable {
  private(set) var values: [Setting: [String]] = [:]

  /// nil when there is no file. An unknown name, a line without `=` and a name given twice are errors: what is
  /// misspelt must not be ignored. [operation.1]
  init?(path: String) throws(StartFailure) {
    let text: String
    do {
      text = try String(contentsOfFile: path, encoding: .utf8)
    } catch CocoaError.fileReadNoSuchFile {
      return nil
    } catch {
      throw .unreadableFile(path)
    }
    for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
      let content = Self.withoutComment(line).trimmingCharacters(in: .whitespaces)
      if !content.isEmpty { try take(content, at: "\(path), line \(index + 1)") }
    }
  }

  private mutating func take(_ content: String, at place: String) throws(StartFailure) {
    guard let equals = content.firstIndex(of: "=") else { throw .badLine(at: place) }
    let name = content[..<equals].trimmingCharacters(in: .whitespaces)
    let value = content[content.index(after: equals)...].trimmingCharacters(in: .whitespaces)
    guard let setting = Setting(rawValue: name) else { throw .unknownSetting(name, at: place) }
    guard setting.isList || values[setting] == nil else { throw .settingTwice(name, at: place) }
    values[setting, default: []].append(value)
  }

  private static func withoutComment(_ line: Substring) -> Substring {
    var before: Character = " "
    for index in line.indices {
      if line[index] == "#", before.isWhitespace { return line[..<index] }
      before = line[index]
    }
    return line
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
