internal import SottoCrypto
package import SottoSession
package import SottoWire

/// A file on its way: its sealed bytes lie in the spool. [attachments.8]
///
/// ```
/// sealed, in the spool --every part is whole at the relay--> the message is put into the outbox, the spool is emptied
/// asked for            --every part is in the spool, opens--> the file has its name, the spool is emptied
/// ```
struct Transfer: StoredRecord, Equatable {
  /// The key of the message that tells of it.
  let message: [UInt8]
  /// What its sealed bytes are called in the spool: 16 random bytes.
  let spool: [UInt8]
  /// Whether it goes to the relay.
  let isUpload: Bool
  /// Failed attempts since the last success, and when the next one may be: unix milliseconds.
  var attempts: UInt32 = 0
  var notBefore: UInt64 = 0

  static var table: Table { .transfer }
  var key: [UInt8] { message }

  init(_ message: StoredMessage, spool: [UInt8], isUpload: Bool) {
    self.message = message.key
    self.spool = spool
    self.isUpload = isUpload
  }

  /// For what no message tells of: the history of a device that is being linked.
  init(key: [UInt8], spool: [UInt8], isUpload: Bool) {
    message = key
    self.spool = spool
    self.isUpload = isUpload
  }

  func encode(to writer: inout SecretWriter) {
    writer.vector(message)
    writer.vector(spool)
    writer.flag(isUpload)
    writer.u32(attempts)
    writer.u64(notBefore)
  }

  init(from reader: inout SecretReader, format: UInt8) throws {
    message = try reader.vector()
    spool = try reader.vector()
    isUpload = try reader.flag()
    attempts = try reader.u32()
    notBefore = try reader.u64()
  }
}

/// A blob that has to be at a relay before its message may go.
package struct BlobUpload: Equatable, Sendable {
  package let message: MessageID
  /// What its bytes are called in the spool.
  package let spool: [UInt8]
  package let parts: [BlobPart]
  package let mailbox: MailboxID
  package let relay: RelayAuthority
  package let capability: Capability
}

/// One of the blobs that a relay has of an attachment.
package struct BlobPart: Equatable, Sendable {
  package let name: BlobID
  package let length: BlobLength
}

/// A file that was sealed into the spool and belongs to no message yet.
package struct SealedFile: Sendable {
  package let spool: [UInt8]
  package let key: AttachmentKey
  package let layout: AttachmentLayout
  package let name: FileName
  package let mediaType: MediaType?

  package init(spool: [UInt8], key: AttachmentKey, layout: AttachmentLayout, name: FileName, mediaType: MediaType?) {
    self.spool = spool
    self.key = key
    self.layout = layout
    self.name = name
    self.mediaType = mediaType
  }
}

/// Files that go with messages. The engine decides; the shell reads, seals, sends and writes.
extension Engine {
  /// Refuses a file for somebody who has no place for one, before it is read: strangers take none, and whoever has not
  /// answered yet has told no right to upload. [attachments.14]
  package func checkMayAttach(for recipient: String) throws {
    guard let contact = try find(recipient), place(forFilesOf: contact) != nil else {
      throw ClientError(
        .badData, "They have not answered yet, and take files only from those whom they have answered.",
        meaning: "Nothing was sent.", next: "Send them a text; when they have replied, send the file.")
    }
    try checkMayWrite(to: contact)
  }

  private func place(forFilesOf contact: Contact) -> Contact.DevicePlace? {
    contact.card?.devices.first { contact.capabilities[$0.mailbox] != nil }
  }

  /// Gives a new message its file: it waits until the relay has that.
  mutating func attach(_ file: SealedFile, to message: inout StoredMessage, for contact: Contact) throws {
    guard let place = place(forFilesOf: contact) else { throw Engine.bug("a file without a place") }
    message.attachment = Attachment(
      blob: BlobID(from: &entropy), relay: place.relay, key: file.key, layout: file.layout, name: file.name,
      mediaType: file.mediaType)
    try records.save(Transfer(message, spool: file.spool, isUpload: true))
  }

  /// The files that wait for a relay, oldest first.
  func waitingUploads(to account: AccountID? = nil) throws -> [Transfer] {
    try records.all(Transfer.self).filter { transfer in
      transfer.isUpload && (account == nil || transfer.message.dropFirst().starts(with: account!.bytes))
    }
  }

  /// The next file for a contact, once nothing else waits for them: words do not wait for pictures.
  mutating func nextFile(for contact: Contact, patient: Bool) throws -> Errand? {
    for transfer in try waitingUploads(to: contact.account) where !patient || transfer.notBefore <= now {
      if contact.role == .own { return try nextHistory(transfer, contact) }
      guard let place = place(forFilesOf: contact), let capability = contact.capabilities[place.mailbox],
        var message = try records.load(StoredMessage.self, transfer.message), let attachment = message.attachment
      else { continue }
      if attachment.relay != place.relay {
        // They have moved since. Nothing binds the bytes to a relay.
        message.attachment = attachment.at(place.relay, as: attachment.blob)
        try records.save(message)
      }
      return .upload(
        BlobUpload(
          message: message.id, spool: transfer.spool, parts: attachment.blobParts, mailbox: place.mailbox,
          relay: place.relay, capability: capability))
    }
    return nil
  }

  /// The relay has all of a file: now its message goes.
  package mutating func uploaded(_ id: MessageID, _ account: AccountID) throws {
    if try grant(id, account) { return try sendGrant() }
    guard let message = try outgoing(id, account), let transfer = try records.load(Transfer.self, message.key),
      transfer.isUpload, let contact = try contact(account)
    else { return }
    try records.remove(transfer)
    try enqueue(message, to: contact)
  }

  /// The name of a file's blob is another's at this relay: by chance nobody's, but a mailbox that has moved has it.
  package mutating func uploadConflicts(_ id: MessageID, _ account: AccountID) throws {
    if try grant(id, account) { return try renameHistory() }
    guard var message = try outgoing(id, account), let attachment = message.attachment else { return }
    message.attachment = attachment.at(attachment.relay, as: BlobID(from: &entropy))
    try records.save(message)
  }

  /// The sealed bytes are gone: the message cannot be sent.
  package func uploadLost(_ id: MessageID, _ account: AccountID) throws {
    if try grant(id, account) { return try loseHistory() }
    guard var message = try outgoing(id, account) else { return }
    try records.delete(.transfer, message.key)
    message.state = .failed
    try records.save(message)
  }

  func dropUploads(to account: AccountID) throws {
    for transfer in try waitingUploads(to: account) {
      guard let message = try records.load(StoredMessage.self, transfer.message) else { continue }
      try uploadLost(message.id, account)
    }
  }

  /// An upload failed for now.
  package mutating func postponeUpload(_ id: MessageID, _ account: AccountID, retryAfter: Int?) throws {
    guard var transfer = try records.load(Transfer.self, StoredMessage.key(.outgoing, account, id)) else { return }
    (transfer.attempts, transfer.notBefore) = backoff(after: transfer.attempts, retryAfter: retryAfter)
    try records.save(transfer)
  }

  // MARK: from the relay

  /// A file that is to be fetched.
  package struct Download: Sendable {
    package let message: StoredMessage
    package let attachment: Attachment
    package let spool: [UInt8]
  }

  /// Begins to fetch the file of a message, or goes on. [attachments.14]
  ///
  /// - Parameter id: the message's id, or the beginning of it in hexadecimal digits; nil: the newest that brought one.
  package mutating func beginDownload(_ id: String?, from nameOrAddress: String) throws -> Download {
    let contact = try known(nameOrAddress)
    let found = try id.map { try message($0, with: contact.account) } ?? newestFile(from: contact.account)
    guard let message = found else {
      throw ClientError(
        .badData, "They have sent no file.", meaning: "Nothing was fetched.",
        next: "Run `sotto receive`: one may be waiting.")
    }
    guard let attachment = message.attachment else {
      throw ClientError(
        .badData, "This message has no file.", meaning: "Nothing was fetched.",
        next: "See which ones have: sotto history \(contact.name ?? "CONTACT")")
    }
    if let transfer = try records.load(Transfer.self, message.key) {
      guard !transfer.isUpload else {
        throw ClientError(
          .badData, "This file is still on its way to the relay.", meaning: "Nothing was fetched.",
          next: "It is yours: you have it already.")
      }
      return Download(message: message, attachment: attachment, spool: transfer.spool)
    }
    // A relay that somebody names would learn this machine's address, and may be any host inside its network.
    let profile = try profile()
    let relays =
      message.direction == .incoming
      ? Set([profile.relay] + (try ownCard(profile).list.relays)) : Set(contact.card?.devices.map(\.relay) ?? [])
    guard relays.contains(attachment.relay) else {
      throw ClientError(
        .refused, "The file lies at a relay that is not yours.",
        meaning: "To ask it would show it where you are. Nothing was fetched.",
        next: "Ask them to send the file again.")
    }
    let transfer = Transfer(message, spool: entropy.bytes(16), isUpload: false)
    try records.save(transfer)
    return Download(message: message, attachment: attachment, spool: transfer.spool)
  }

  private func newestFile(from account: AccountID) throws -> StoredMessage? {
    try records.newest(StoredMessage.self, group: account.bytes, limit: 1) {
      $0.direction == .incoming && $0.attachment != nil
    }.first
  }

  /// The file has its name, or its bytes were nothing: the spool is to be emptied.
  package func endDownload(_ message: StoredMessage) throws { try records.delete(.transfer, message.key) }

  /// What the spool may hold; all else in it was left behind by a crash.
  package func spooled() throws -> Set<[UInt8]> { Set(try records.all(Transfer.self).map(\.spool)) }
}

extension Attachment {
  package var blobParts: [BlobPart] { parts.map { BlobPart(name: $0.name, length: $0.length) } }

  /// The same bytes in another place.
  func at(_ relay: RelayAuthority, as blob: BlobID) -> Attachment {
    Attachment(blob: blob, relay: relay, key: key, layout: layout, name: name, mediaType: mediaType)
  }
}
