internal import ArgumentParser
internal import Foundation
internal import SottoRelay

/// `sotto-relay db convert`: moves a relay from its file into PostgreSQL.
struct DatabaseConvertCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "convert",
    abstract: "Move a stopped relay's store from its file into the database. It may be repeated.",
    discussion: """
      `--data` names the folder of the file, `--store` the database, which `sotto-relay db migrate` has prepared and which \
      is empty. Everything is copied, then read back from the database and compared with the file, counts and hashes. Until \
      that is done no relay serves from the database, and from then on none serves the file. When it is interrupted, even \
      by a power cut, say the same again: it goes on. Attachments stay in the folder: serve with it, or copy its `blobs`.

      EXIT CODES: 0 moved, now or before; 64 usage; 65 the database does not hold what the file holds; 66 there is no \
      store; 69 the database cannot be reached; 73 the database has something else in it, or the file was moved into \
      another; 74 store, disk or database failed; 75 a relay or another conversion runs; 78 configuration, or a store or \
      tables of another version.
      """)

  @OptionGroup var options: RelayOptions
  @Flag(help: "Answer with one JSON object.") var json = false

  private struct Answer: Encodable {
    let verified: Bool
    let resumed: Bool
    let already: Bool
    let mailboxes: Int
    let capabilities: Int
    let prekeyBatches: Int
    let cards: Int
    let envelopes: Int
    let names: Int
    let blobs: Int
    let bytes: Int
  }

  func run() async throws {
    umask(0o077)
    try await Terminal.failing {
      let configuration = try options.sources.read().configuration
      let (database, address) = try Database.named(by: configuration)
      let progress = ConversionProgress()
      defer { progress.clear() }
      let summary = try Conversion.run(configuration, into: database, address) { progress.say($0) }
      progress.clear()
      try write(summary)
    }
  }

  private func write(_ summary: Conversion.Summary) throws {
    func count(_ kind: StoreRow.Kind) -> Int { summary.counts[kind] ?? 0 }
    if json {
      return try Terminal.write(
        json: Answer(
          verified: true, resumed: summary.wasResumed, already: summary.wasDone, mailboxes: count(.mailbox),
          capabilities: count(.capability), prekeyBatches: count(.batch), cards: count(.card),
          envelopes: count(.envelope), names: count(.name), blobs: count(.blob), bytes: summary.bytes))
    }
    let what =
      "\(count(.mailbox)) mailboxes with \(count(.capability)) capabilities and \(count(.batch)) batches of prekeys, "
      + "\(count(.card)) cards, \(count(.envelope)) envelopes, \(count(.name)) names of envelopes, "
      + "\(count(.blob)) attachments: \(summary.bytes) bytes.\n"
    if summary.wasDone {
      Terminal.write("This was done before, and nothing was changed. In the file are " + what)
    } else {
      Terminal.write(
        "Moved and verified, counts and hashes: " + what
          + "The file is not served any more. Start the relay with this `store`, and with this folder for the "
          + "attachments.\n")
    }
  }
}

/// On a terminal's standard error alone.
private final class ConversionProgress {
  private let isShown = isatty(FileHandle.standardError.fileDescriptor) == 1
  private var last = ""

  func say(_ event: Conversion.Event) {
    switch event {
    case .copied(let step, let share): show("copying \(step): \(Int(share * 100)) %")
    case .verifying: show("reading both sides")
    }
  }

  func clear() { show("") }

  private func show(_ text: String) {
    guard isShown, text != last else { return }
    last = text
    FileHandle.standardError.write(Data("\r\u{1B}[K\(text)".utf8))
  }
}
