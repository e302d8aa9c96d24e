internal import ArgumentParser
internal import Foundation
internal import SottoRelay

/// `sotto-relay restore`: begins again from a backup.
struct RestoreCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "restore",
    abstract: "Put a backup in the store's place. The relay must be stopped.",
    discussion: """
      The backup is checked first, with the attachments beside it; when anything is wrong, nothing is changed. One-time prekeys are left out, since some \
      were handed out after the backup, and clients are told to look again. What was deleted or revoked since the backup \
      is there again. EXIT CODES: 0 restored; 64 usage; 65 the file is damaged or no backup; 66 there is no file; \
      73 the store is not empty; 74 disk; 75 a relay runs, or another program reads the store; 78 configuration, or a backup of a newer version.
      """)

  @Argument(help: "A file that `sotto-relay backup` wrote.") var file: String
  @Flag(help: "Replace a store that holds something.") var replace = false
  @Flag(help: "Answer with one JSON object.") var json = false
  @OptionGroup var options: RelayOptions

  func run() async throws {
    umask(0o077)
    try await Terminal.failing {
      let configuration = try options.sources.read().configuration
      try Database.checkIsFile(configuration)
      try Terminal.write(try Backups.restore(configuration, from: file, replacing: replace), "Restored", json: json)
    }
  }
}
