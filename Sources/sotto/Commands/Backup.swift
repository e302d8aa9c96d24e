internal import ArgumentParser
internal import Foundation
internal import SottoClient
internal import SottoCrypto

/// `sotto backup`: everything in one file.
struct BackupCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "backup", abstract: "Write everything to one file, or begin again from it.",
    subcommands: [BackupCreateCommand.self, BackupRestoreCommand.self])
}

/// `sotto backup create FILE`: account, contacts and messages, sealed under a recovery code.
struct BackupCreateCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "create", abstract: "Write account, contacts and messages to a file.",
    discussion: """
      The file opens with a recovery code only, which is printed once: write it down and keep it apart from the file.
      An earlier code is used again with --recovery-code-file or $SOTTO_RECOVERY_CODE.
      """)

  @Argument(help: ArgumentHelp("The file to write; it must not exist yet.", valueName: "file"))
  var file: String

  @Option(help: ArgumentHelp("Use the recovery code in the first line of a file.", valueName: "file"))
  var recoveryCodeFile: String?

  @OptionGroup var options: GlobalOptions

  func run() async throws {
    let given = try Passphrase.recoveryCode(file: recoveryCodeFile)
    let text = given ?? RecoveryCode.fresh()
    let code = try Passphrase.secret(ofCode: text)
    try await options.withClient { client in
      let output = try NewFile(file)
      do {
        try await client.backup(code: code) { try output.write($0) }
        try output.finish()
      } catch {
        output.discard()
        throw error
      }
    }
    if options.json {
      return try Output.line(JSON(["file": .string(file), "recovery_code": given == nil ? .string(text) : nil]))
    }
    if given == nil {
      Output.note("Wrote \(file). It opens with this recovery code and nothing else; it is not shown again:")
      try Output.line(text)
    } else {
      Output.note("Wrote \(file). It opens with the recovery code that you gave.")
    }
  }
}

/// `sotto backup restore FILE`: a new device with everything that the backup holds.
struct BackupRestoreCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "restore", abstract: "Become the account in a backup, with its contacts and messages.",
    discussion: """
      The new device replaces the first one; others that were linked stay. Sessions are not in a backup: the first
      message to each contact opens a new one. How the first device was woken is not in it either: `sotto device push
      enable` says it of this one. The recovery code is typed, or read from --recovery-code-file or
      $SOTTO_RECOVERY_CODE.
      """)

  @Argument(help: ArgumentHelp("What `sotto backup create` wrote.", valueName: "file"))
  var file: String

  @Option(help: ArgumentHelp("Read the recovery code from the first line of a file.", valueName: "file"))
  var recoveryCodeFile: String?

  @OptionGroup var options: GlobalOptions

  func run() async throws {
    let code = try Passphrase.secret(
      ofCode: try Passphrase.recoveryCode(file: recoveryCodeFile) ?? Passphrase.typedCode())
    let client = try await Client.restoreBackup(
      file, code: code, home: options.homePath, passphrase: try Passphrase.read(options, isNew: true),
      options: options.clientOptions)
    let identity = try await client.identity()
    let linked = try await client.devices().filter { !$0.isThisOne }
    try await client.close()
    if options.json { return try Output.line(identity.json) }
    try Output.line(identity.address)
    Output.note("This is the account's first device now, with the contacts and messages of the backup.")
    guard !linked.isEmpty else { return }
    Output.note("These stay linked with it; remove what you do not have any more: sotto device revoke NAME")
    for line in TextTable.lines(linked.map(\.cells)) { Output.note("  " + line) }
  }
}
