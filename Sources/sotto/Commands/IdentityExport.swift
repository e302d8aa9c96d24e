internal import ArgumentParser
internal import Foundation
internal import SottoClient
internal import SottoCrypto

/// `sotto identity export FILE`: what another device needs to become this account.
struct IdentityExportCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "export", abstract: "Write the account to a file, sealed under the passphrase.")

  @Argument(help: ArgumentHelp("The file to write; it must not exist yet.", valueName: "file"))
  var file: String

  @OptionGroup var options: GlobalOptions

  func run() async throws {
    try Client.check(home: options.homePath)
    let passphrase = try Passphrase.read(options)
    let client = try Client.open(home: options.homePath, passphrase: passphrase, options: options.clientOptions)
    let content = try await client.exportIdentity(passphrase: passphrase)
    try await client.close()
    try Self.create(file, content)
    if options.json {
      try Output.line(JSON(["file": .string(file)]))
    } else {
      Output.note("Wrote \(file). Whoever has it and the passphrase is you: keep it safe, and delete it after use.")
    }
  }

  /// Writes a file that only its owner may read, and never over another.
  private static func create(_ path: String, _ content: [UInt8]) throws {
    let descriptor = unsafe open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else {
      throw ClientError(
        .cannotCreate, "Cannot create \(path): \(unsafe String(cString: strerror(errno))).",
        meaning: "Nothing was written.", next: "Choose another file.")
    }
    let isWritten = Output.write(content, to: descriptor) && fsync(descriptor) == 0
    close(descriptor)
    guard isWritten else {
      unsafe unlink(path)
      throw ClientError(
        .io, "Cannot write \(path).", meaning: "The disk may be full. Nothing was left behind.",
        next: "Free some space or choose another place.")
    }
  }
}
