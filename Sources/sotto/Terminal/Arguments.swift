internal import Foundation
internal import SottoClient

/// The command line, before it is parsed.
enum Arguments {
  static var current: [String] { Array(CommandLine.arguments.dropFirst()) }

  /// Refuses what is not UTF-8: Swift would replace it silently, and something else would be sent.
  static func checkEncoding() throws {
    let raw = unsafe CommandLine.unsafeArgv
    for index in 1..<(current.count + 1) {
      guard let argument = unsafe raw[index] else { continue }
      let bytes = unsafe UnsafeRawBufferPointer(start: argument, count: strlen(argument))
      guard unsafe String(validating: bytes, as: UTF8.self) == nil else { continue }
      throw ClientError(
        .badData, "An argument is not valid UTF-8.", meaning: "Nothing was sent and nothing was changed.",
        next: "Convert it first, for example with iconv.")
    }
  }

  private static let groups: Set<String> = ["identity", "contact", "session", "vectors", "backup", "device"]
  private static let withValue: Set<String> = ["--home", "--passphrase-file", "--ca-file"]

  /// Moves the options that every command has from before the command to behind it: both places are natural.
  static func hoistingGlobals(_ arguments: [String]) -> [String] {
    var rest = arguments[...]
    var globals: [String] = []
    while let first = rest.first {
      if withValue.contains(first), rest.count >= 2 {
        globals += rest.prefix(2)
        rest = rest.dropFirst(2)
      } else if first == "--json" || withValue.contains(where: { first.hasPrefix($0 + "=") }) {
        globals.append(first)
        rest = rest.dropFirst()
      } else {
        break
      }
    }
    let words = rest.first.map { groups.contains($0) ? 2 : 1 } ?? 0
    return Array(rest.prefix(words)) + globals + Array(rest.dropFirst(words))
  }
}
