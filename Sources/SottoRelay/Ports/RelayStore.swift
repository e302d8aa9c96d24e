package import SottoCrypto
package import SottoWire

/// A card as it is read.
package struct StoredCard: Equatable, Sendable {
  package let listSequence: UInt64
  package let sealed: [UInt8]

  package init(listSequence: UInt64, sealed: [UInt8]) {
    self.listSequence = listSequence
    self.sealed = sealed
  }
}

/// An envelope as it waits.
package struct QueuedEnvelope: Equatable, Sendable {
  package let index: UInt64
  package let id: EnvelopeID
  package let bytes: [UInt8]

  package init(index: UInt64, id: EnvelopeID, bytes: [UInt8]) {
    self.index = index
    self.id = id
    self.bytes = bytes
  }
}

/// An envelope that was sent to its owner. By its index alone it might be another: a database that falls back to an earlier
/// state gives indexes again.
package struct SentEnvelope: Hashable, Sendable {
  package let index: UInt64
  package let id: EnvelopeID

  package init(index: UInt64, id: EnvelopeID) { (self.index, self.id) = (index, id) }
}

/// What an owner has taken, of what one stream sent.
package struct Acknowledgement: Equatable, Sendable {
  /// Oldest first.
  package let envelopes: [SentEnvelope]
  /// The index up to which the store has said to the same stream that it deleted; 0 when it has said nothing yet.
  package let former: UInt64
  /// The same, once it has deleted these too.
  package var index: UInt64 { envelopes.last?.index ?? former }

  package init(_ envelopes: [SentEnvelope], former: UInt64 = 0) {
    (self.envelopes, self.former) = (envelopes, former)
  }
}

/// A digest as numbers: the writer compares it without following a pointer. Not a vector, which needs more alignment than
/// the memory of an asynchronous function has.
package struct DigestNumbers: Equatable, Sendable {
  private let first: UInt128
  private let second: UInt128

  package init(_ digest: Digest) {
    first = UInt128(bytes: digest.bytes[..<16])
    second = UInt128(bytes: digest.bytes[16...])
  }

  /// In time that does not tell where the first difference is: one of the two comes from a secret.
  package static func == (a: Self, b: Self) -> Bool { (a.first ^ b.first) | (a.second ^ b.second) == 0 }
}

/// An envelope on its way in.
package struct Arrival: Sendable {
  package let mailbox: MailboxID
  package let id: EnvelopeID
  /// `H("capability"; ...)` of what the sender showed.
  package let capability: DigestNumbers
  package let bytes: ArraySlice<UInt8>
  /// Of the bytes: made here, so that the writer need not read them. [operation.11]
  package let sum: Checksum

  package init(mailbox: MailboxID, id: EnvelopeID, capability: Digest, bytes: ArraySlice<UInt8>) {
    self.init(mailbox: mailbox, id: id, capability: DigestNumbers(capability), bytes: bytes)
  }

  package init(mailbox: MailboxID, id: EnvelopeID, capability: DigestNumbers, bytes: ArraySlice<UInt8>) {
    self.mailbox = mailbox
    self.id = id
    self.capability = capability
    self.bytes = bytes
    sum = Checksum(bytes)
  }
}

/// How full a store is.
package struct StoreUsage: Equatable, Sendable {
  /// Envelopes that wait, in all mailboxes.
  package let envelopes: Int
  /// Of its files.
  package let bytes: Int

  package init(envelopes: Int, bytes: Int) {
    self.envelopes = envelopes
    self.bytes = bytes
  }
}

/// What is to be counted of the one writer.
package enum CommitReport: Sendable {
  /// So many jobs in one transaction.
  case committed(Int)
  case failed
  /// The disk failed, with the library's result code: nothing is written from now on. [operation.10]
  case broken(Int)
  /// Sockets that the change is news for, by the relays that hold them: a store that several relays have.
  case elsewhere(Notice.Kind, [NodeID: [SocketHandle]])
  /// Somebody is to be woken. [push.2]
  case pushDue
}

/// Why a store could not do its work.
package enum StoreFailure: Error, Equatable, Sendable {
  /// A newer relay wrote it.
  case newerSchema
  /// An older relay wrote it, and this one does not convert it.
  case olderSchema
  /// The file was moved into a database, and is not the truth any more. [operation.15]
  case converted
  /// The database is being filled from a file. [operation.15]
  case halfFilled
  /// The store does not promise durability, so an acknowledgement would not be a promise.
  case notDurable
  /// There is no room left.
  case full
  /// The database has lost what it had committed: it fell back to an earlier state.
  case fellBack
  /// The database cannot be reached, or takes no writes now. It may soon.
  case unavailable
  /// Anything else; the number is the library's result code or, below zero, the system's;
  /// of PostgreSQL the five digits of SQLSTATE as a number of base 36.
  case failed(Int)
}

/// Asked once the class of a capability is known, before anything is done for it; throws a `Refusal`.
package typealias Admission = @Sendable (CapabilityClass) throws -> Void

/// The same for an envelope among many: it is told the mailbox too.
package typealias ArrivalAdmission = @Sendable (CapabilityClass, MailboxID) throws -> Void

/// What became of an arrival.
package enum Acceptance: Equatable, Sendable {
  /// It is durable.
  case stored
  /// Its name is known: it is durable, or was delivered, and nothing was changed. [relay.26]
  case repeated
  case refused(Refusal)
  /// The store could not do its work; what happened is unknown.
  case failed(StoreFailure)
}

/// Where the relay keeps everything. One contract, which every adapter passes (`StoreContract` in the tests).
///
/// A method that changes something returns after the change is durable, never before. It throws a `Refusal` when a rule
/// says no, having changed nothing, and any other error when the store could not do its work; the caller then knows
/// nothing about what happened, and repeats. `now` is Unix time in seconds.
package protocol RelayStore: BlobLedger, RegistrationLedger {
  /// Raised by a restore from a backup; constant while the relay runs.
  var restoreEpoch: UInt64 { get }

  func card(_ id: CardID) async throws -> StoredCard?
  /// A new card needs what `entitlement` says; one that is replaced needs nothing. Answers whether a token was spent on it
  /// now: not when the request is repeated. [token.9]
  @discardableResult
  func putCard(
    _ id: CardID, _ card: StoredCard, _ condition: CardCondition, by mutation: Mutation, _ entitlement: Entitlement
  ) async throws -> Bool
  func deleteCard(_ id: CardID, by mutation: Mutation) async throws

  /// Creates a mailbox, which needs what `entitlement` says, or pays for one that is there, and is otherwise left as it
  /// is. [token.9] [token.13]
  @discardableResult
  func createMailbox(_ id: MailboxID, by mutation: Mutation, _ entitlement: Entitlement) async throws -> Payment
  /// nil when there is none.
  func status(_ id: MailboxID) async throws -> MailboxStatus?
  /// Leaves nothing of it.
  func deleteMailbox(_ id: MailboxID, by mutation: Mutation) async throws
  func setCapabilities(_ id: MailboxID, _ set: CapabilitySet, by mutation: Mutation) async throws

  func putSignedPart(_ id: MailboxID, _ part: SignedPartUpload, by mutation: Mutation) async throws
  func putBatch(_ id: MailboxID, _ batch: UInt64, _ upload: OneTimeUpload, by mutation: Mutation) async throws
  func withdrawOneTimeParts(_ id: MailboxID, by mutation: Mutation) async throws
  /// The signed part, and the oldest one-time part, which nobody gets again.
  func claim(_ id: MailboxID, capability: Digest, now: Int64, admit: @escaping Admission) async throws -> ClaimedPrekeys

  /// Stores envelopes, in order. `done` is called once, on any thread, with one answer for each, in the same order: when
  /// all that were taken in are durable.
  func submit(
    _ arrivals: [Arrival], now: Int64, admit: @escaping ArrivalAdmission,
    done: @escaping @Sendable ([Acceptance]) -> Void)
  /// The index of the last envelope that waits, or 0; nil when there is no mailbox.
  func lastIndex(_ id: MailboxID) async throws -> UInt64?
  /// The envelopes after `index` that have not expired, in order: at most `count`, and none after the one that brings
  /// their size to `bytes`.
  func envelopes(_ id: MailboxID, after index: UInt64, room: Room, now: Int64) async throws -> [QueuedEnvelope]
  /// Deletes these envelopes, and nothing that was given the index of one of them since the store fell back; then it throws
  /// `StoreFailure.fellBack`. What is gone already is not missed. [stream.6]
  func acknowledge(_ id: MailboxID, _ taken: Acknowledgement) async throws
  /// Deletes what has expired.
  func sweep(now: Int64) async throws

  /// How full it is: asked once a minute, so it may count.
  func usage() async throws -> StoreUsage
  /// Whether the store answers.
  func ping() async throws
  /// Returns when everything that was asked for is durable and the files are closed.
  func close() async throws
}

extension RelayStore {
  /// Where anybody may.
  package func createMailbox(_ id: MailboxID, by mutation: Mutation) async throws {
    try await createMailbox(id, by: mutation, .notNeeded)
  }

  package func putCard(
    _ id: CardID, _ card: StoredCard, _ condition: CardCondition, by mutation: Mutation
  ) async throws {
    try await putCard(id, card, condition, by: mutation, .notNeeded)
  }
}
