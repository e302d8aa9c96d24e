package import SottoCrypto
internal import SottoSession
internal import SottoWire

/// What the client does, as steps: each is a method that reads and writes the records of one transaction and answers
/// with what has to be done outside. It does no I/O and knows no clock and no randomness but what it is given.
///
/// ```
///            input                      commit                         effect
///   text  ---------->  compose        ---------->  errands: fetch card, claim, put envelope
///   envelope  ------>  receive        ---------->  acknowledge; show messages
///   answer  -------->  fetched, ...   ---------->  the next errand
/// ```
/// The shell commits a step before it carries out anything that the step answered. So whatever is killed, and when:
/// no key is used twice, no message is lost, none is shown twice. [client.1]
package struct Engine {
  package let records: any Records
  /// Unix milliseconds.
  package let now: UInt64
  var entropy: any Entropy
  /// What sessions did in this step; nil while nobody asks.
  package var observations: [Observation]?

  package init(records: any Records, now: UInt64, entropy: any Entropy) {
    self.records = records
    self.now = now
    self.entropy = entropy
  }

  /// Unix seconds.
  var seconds: UnixTime { now / 1000 }

  /// A row that was written in another way than this build writes, or by something else.
  static var damaged: ClientError {
    ClientError(
      .unreadable, "A row of the store is damaged.", meaning: "It is not what Sotto wrote. Nothing was changed.",
      next: "Restore the folder from a copy, or create a new identity in another one with --home DIR.")
  }

  /// What cannot happen unless this program is wrong.
  static func bug(_ what: String) -> ClientError {
    ClientError(
      .internal, "Something that cannot happen has happened: \(what).", meaning: "Nothing was changed.",
      next: "Please report it, with the version that `sotto --version` prints.")
  }
}

/// The client's bounds and rhythms, with their reasons.
package enum ClientLimits {
  /// A text fits the largest envelope together with the prelude of a first message. 48 KiB.
  package static let text = 48 * 1024
  /// A contact's name is a word or two.
  package static let name = 64
  /// When an unconfirmed first flight is repeated, in seconds after the relay first had it: 1 hour, 1 day, 3 days.
  package static let repeats: [UInt64] = [3600, 86_400, 3 * 86_400]
  /// How old a contact's card may be before a send looks for a newer one: a device that was replaced is noticed within
  /// an hour.
  package static let cardAge: UInt64 = 3600
  /// The device list is signed anew each week, well before it expires after 30 days.
  package static let listAge: UInt64 = 7 * 86_400
  /// A mailbox is paid for again so many seconds before it would not be found: somebody may be away for a week.
  package static let leaseMargin: UInt64 = 10 * 86_400
  /// How far the first list of a device that takes another's place stands ahead of the newest known one at least: more
  /// lists than are signed while the clock stands still.
  package static let listMargin: UInt64 = 16
  /// Signed parts rotate each week and expire after 14 days.
  package static let signedPartAge: UInt64 = 7 * 86_400
  /// A batch has 2^6 = 64 one-time keys: 120 KB to upload, made in 10 ms.
  package static let batchDepth = 6
  /// Below so many one-time keys at the relay a new batch is uploaded.
  package static let oneTimeKeysLow: UInt32 = 32
  /// How often the relay is asked how many are left, in seconds, when nothing else is to be done there.
  package static let statusAge: UInt64 = 86_400
  /// How long envelope ids are remembered: a relay keeps envelopes for 30 days.
  package static let seenAge: UInt64 = 31 * 86_400
  /// The first wait of the outbox, doubled with each failure, in milliseconds; the real one is drawn below it.
  package static let backoffBase: UInt64 = 1000
  /// The longest wait of the outbox. 5 minutes.
  package static let backoffLimit: UInt64 = 300_000
  /// How long receipts are gathered, in milliseconds: the real time is drawn between these, so that the relay cannot
  /// tell from the time of an answer that it is one.
  package static let receiptWait: ClosedRange<UInt64> = 5000...60_000
  /// At most one message of receipts for a contact in this time, in milliseconds: whoever sends ten messages a second
  /// learns no more of when a device is used.
  package static let receiptPause: UInt64 = 60_000
  /// What is kept of a session until it was heard: more would make a peer who never answers, and then begins anew, a
  /// burden.
  package static let unheard = 256
  /// How often one message goes again because its session has ended.
  package static let resends: UInt8 = 3
  /// How long a session that has lost step waits for its user to write before it is begun anew, in seconds: drawn. And how
  /// often that happens for a contact at most. [client.6]
  package static let repairWait: ClosedRange<UInt64> = 3600...86_400
  package static let repairPause: UInt64 = 86_400
  /// How long a device whose prekeys were of no use is left alone, while others of its account get a message: seconds.
  package static let stalled: UInt64 = 900
  /// How long a device is tried that takes no message, while others of its account do: 30 days, in seconds.
  package static let stalledLife: UInt64 = 30 * 86_400
  /// How long somebody's word that there is a newer list of ours is not followed again, in seconds: they may lie.
  package static let ownCardPause: UInt64 = 300
  /// How long the mailbox at a former relay is read, and its card leads on, in seconds: what lies at a relay, and a list
  /// that was signed before the move, are both over then. [client.21]
  package static let former: UInt64 = 30 * 86_400
  /// How long the code of a new device can be used, in seconds. [devices.1]
  package static let linkCode: UInt64 = 60
  /// How long two users may take to compare digits and to agree, in seconds: 10 minutes.
  package static let linkPatience: UInt64 = 600
  /// Receipts of one kind that are gathered for a contact: 256 ids fill 4 KiB.
  package static let receipts = 256
  /// Receipts that go with a text; more would often make its envelope larger.
  package static let receiptsWithText = 8
  /// How long a former contact capability still opens the mailbox after a block, in seconds: 7 days, the most that a
  /// relay takes. An hour less, because clocks differ.
  package static let retiring: UInt64 = 7 * 86_400 - 3600
  /// Former contact capabilities that are registered: a relay takes 16 in all.
  package static let retired = 14
  /// How often everything is looked through for what may go, in seconds: an hour. It reads every session.
  package static let tidyAge: UInt64 = 3600
  /// A backup is sealed in pieces of about so many bytes: enough that their frames cost nothing.
  package static let backupPiece = 64 * 1024
  /// Bytes of a blob in one request: what a lost connection costs, and what is in memory.
  package static let blobSlice = 1 << 20
  /// Messages of one block of the search index: a block is rewritten for each message, and has 5 to 20 KB.
  package static let searchBlock = 128
}
