internal import ArgumentParser
internal import Foundation
internal import SottoRelay

/// `sotto-relay backup`: copies the store while the relay runs.
struct BackupCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "backup",
    abstract: "Copy the store to a file, while the relay runs or not.",
    discussion: """
      The file is whole or not there at all, and for this user alone; attachments are beside it, in FILE.blobs, which \
      belongs to it. It holds what the relay holds: sealed envelopes \
      and prekeys, names of mailboxes, hashes of capabilities. EXIT CODES: 0 written; 64 usage; 66 there is no store; \
      73 the file is there already; 74 store or disk; 78 configuration, or a store of a newer version.
      """)

  @Argument(help: "Where to write it.") var file: String
  @Flag(help: "Replace the file if it is there.") var replace = false
  @Flag(help: "Answer with one JSON object.") var json = false
  @OptionGroup var options: RelayOptions

  func run() async throws {
    umask(0o077)
    try await Terminal.failing {
      let configuration = try options.sources.read().configuration
      try Database.checkIsFile(configuration)
      try Terminal.write(try Backups.backup(configuration, to: file, replacing: replace), "Backed up to", json: json)
    }
  }
}

extension Terminal {
  private struct Answer: Encodable {
    let file: String
    let mailboxes: Int
    let cards: Int
    let bytes: Int
    let blobs: Int
    let blobsLeftOut: Int
  }

  static func write(_ summary: Backups.Summary, _ words: String, json: Bool) throws {
    let (file, mailboxes, cards) = (summary.file, summary.mailboxes, summary.cards)
    if json {
      try write(
        json: Answer(
          file: file, mailboxes: mailboxes, cards: cards, bytes: summary.bytes, blobs: summary.blobs,
          blobsLeftOut: summary.blobsLeftOut))
    } else {
      let counts = "\(mailboxes) mailboxes, \(cards) cards, \(summary.blobs) attachments"
      write("\(words) \(file): \(counts), \(summary.bytes) bytes.\n")
      if summary.blobsLeftOut > 0 {
        write(
          "\(summary.blobsLeftOut) attachments are left out: removed meanwhile, or damaged. Run `sotto-relay doctor`.\n"
        )
      }
    }
  }
}
