internal import ArgumentParser
internal import Foundation
internal import SottoClient
internal import SottoCrypto

/// The passphrase: from --passphrase-file, from $SOTTO_PASSPHRASE, or typed.
enum Passphrase {
  /// - Parameter isNew: whether it is chosen now, so that a typed one is asked for twice.
  static func read(_ options: GlobalOptions, isNew: Bool = false) throws -> Secret {
    if let given = try given(options.passphraseFile, "SOTTO_PASSPHRASE") { return given }
    return isNew ? try chosen("Choose a passphrase: ") : try typed("Passphrase: ")
  }

  /// The passphrase that is to replace the present one: from a file, from $SOTTO_NEW_PASSPHRASE, or typed.
  static func readNew(file: String?) throws -> Secret {
    if let given = try given(file, "SOTTO_NEW_PASSPHRASE") { return given }
    return try chosen("Choose a new passphrase: ")
  }

  /// A recovery code from a file or from $SOTTO_RECOVERY_CODE, as it stands there.
  static func recoveryCode(file: String?) throws -> String? {
    guard let code = try given(file, "SOTTO_RECOVERY_CODE") else { return nil }
    return String(decoding: code.revealed(), as: UTF8.self)
  }

  /// A recovery code, typed; what is typed is not shown.
  static func typedCode() throws -> String {
    String(decoding: try typed("Recovery code: ").revealed(), as: UTF8.self)
  }

  /// The secret that a recovery code means.
  static func secret(ofCode text: String) throws -> Secret {
    if let code = RecoveryCode.secret(of: text) { return code }
    throw ClientError(
      .badData, "This is not a recovery code, or a character of it is wrong.", meaning: "Nothing was created.",
      next: "It has eight groups of five letters and digits; capitals and spaces do not matter.")
  }

  private static func given(_ file: String?, _ variable: String) throws -> Secret? {
    if let file { return try Secret(copying: firstLine(of: file)) }
    if let text = ProcessInfo.processInfo.environment[variable] { return try checked(Array(text.utf8)) }
    return nil
  }

  /// Typed twice, because nobody sees what they type.
  private static func chosen(_ prompt: String) throws -> Secret {
    let first = try typed(prompt)
    let second = try typed("Once more: ")
    guard first.isEqual(to: second) else {
      throw ClientError(
        .badData, "The two passphrases differ.", meaning: "Nothing was changed.", next: "Run the command again.")
    }
    return first
  }

  private static func firstLine(of file: String) throws -> [UInt8] {
    guard let data = FileManager.default.contents(atPath: file) else {
      throw ClientError(
        .unreadable, "Cannot read the passphrase file \(file).", meaning: "Nothing was changed.",
        next: "Check the path and the permissions.")
    }
    var line = Array(data.prefix { $0 != UInt8(ascii: "\n") })
    if line.last == UInt8(ascii: "\r") { line.removeLast() }
    guard !line.isEmpty else { throw empty }
    return line
  }

  private static func checked(_ bytes: [UInt8]) throws -> Secret {
    guard !bytes.isEmpty else { throw empty }
    return Secret(copying: bytes)
  }

  private static let empty = ClientError(
    .usage, "The passphrase is empty.", meaning: "It protects everything in the home folder, so there must be one.",
    next: "Give one with --passphrase-file FILE, $SOTTO_PASSPHRASE, or at the prompt.")

  /// Asks on the terminal itself, so that standard input stays free for a message.
  private static func typed(_ prompt: String) throws -> Secret {
    let terminal = unsafe open("/dev/tty", O_RDWR | O_CLOEXEC)
    guard terminal >= 0, isatty(terminal) == 1 else {
      throw ClientError(
        .usage, "There is no passphrase and no terminal to ask on.", meaning: "Nothing was changed.",
        next: "Give one with --passphrase-file FILE or $SOTTO_PASSPHRASE.")
    }
    defer { close(terminal) }
    var saved = termios()
    unsafe tcgetattr(terminal, &saved)
    var silent = saved
    // Signals are off as well: ^C in the middle would leave a terminal that shows nothing.
    silent.c_lflag &= ~tcflag_t(ECHO | ICANON | ISIG)
    unsafe tcsetattr(terminal, TCSAFLUSH, &silent)
    defer { unsafe tcsetattr(terminal, TCSAFLUSH, &saved) }
    Output.write(Array(prompt.utf8), to: terminal)
    let line = line(from: terminal)
    Output.write([UInt8(ascii: "\n")], to: terminal)
    guard let line else { throw ExitCode(130) }
    return try checked(line)
  }

  /// What is typed up to Enter; nil for ^C and ^D.
  private static func line(from terminal: Int32) -> [UInt8]? {
    var line: [UInt8] = []
    var byte: UInt8 = 0
    while unsafe Foundation.read(terminal, &byte, 1) == 1 {
      switch byte {
      case 0x0a, 0x0d: return line
      case 0x03, 0x04: return nil
      case 0x15: line = []
      case 0x08, 0x7f:
        // A character may have several bytes; those that continue one begin with the bits 10.
        while let last = line.popLast(), last & 0xc0 == 0x80 {}
      default: line.append(byte)
      }
    }
    return nil
  }
}
