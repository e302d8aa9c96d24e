package import SottoCrypto
internal import SottoSession
internal import SottoWire

/// What a backup holds, one after the other. No session, no prekey and no mailbox is in it: who restores it is a new
/// device, which begins anew with everyone. [client.14] [state.9]
private enum BackupItem: UInt8 {
  /// The account, first and once.
  case account = 1
  case contact = 2
  case message = 3
  /// The key of a message that has still to be shown.
  case unshown = 4
  /// What the account's devices are called.
  case devices = 5
}

/// Gathers items into pieces that are sealed one by one.
private struct BackupWriter: ~Copyable {
  private var piece = SecretWriter()
  private var count = 0

  mutating func add(_ item: BackupItem, _ content: consuming Secret) {
    piece.u8(item.rawValue)
    piece.varint(content.count)
    piece.secret(content)
    count += content.count
  }

  mutating func add(_ item: BackupItem, _ record: some StoredRecord) {
    var writer = SecretWriter()
    writer.u8(type(of: record).format)
    record.encode(to: &writer)
    add(item, writer.finish())
  }

  var isFull: Bool { count >= ClientLimits.backupPiece }

  mutating func take() -> Secret {
    var full = SecretWriter()
    swap(&full, &piece)
    count = 0
    return full.finish()
  }
}

extension Engine {
  /// Hands out everything that a backup holds, a piece at a time; the last one may be empty.
  package func backup(_ emit: (consuming Secret, _ isLast: Bool) throws -> Void) throws {
    try backup(account: try exportAccount(), emit)
  }

  /// The same without the account: what a linked device is given. It has no key of the account. [devices.6]
  package func history(_ emit: (consuming Secret, _ isLast: Bool) throws -> Void) throws {
    try backup(account: nil, emit)
  }

  private func backup(
    account: ExportedAccount?, _ emit: (consuming Secret, _ isLast: Bool) throws -> Void
  ) throws {
    var writer = BackupWriter()
    if let account {
      writer.add(.account, account.encoded())
      if var devices = try ownDevices() {
        (devices.history, devices.leaving) = (nil, nil)
        writer.add(.devices, devices)
      }
    }
    for contact in try contacts() {
      writer.add(.contact, contact)
      if writer.isFull { try emit(writer.take(), false) }
    }
    try records.each(.message, group: nil, newestFirst: false) { row in
      var message: StoredMessage = try records.decoded(row)
      // The sealed bytes of its file stay behind, so what is restored could never send it.
      if account != nil, try records.load(Transfer.self, message.key)?.isUpload ?? false { message.state = .failed }
      writer.add(.message, message)
      if writer.isFull { try emit(writer.take(), false) }
      return true
    }
    for unshown in try records.all(Unshown.self) {
      writer.add(.unshown, unshown)
      if writer.isFull { try emit(writer.take(), false) }
    }
    try emit(writer.take(), true)
  }

  /// The account that the first piece of a backup begins with.
  package static func account(inBackup piece: consuming Secret) throws -> ExportedAccount {
    var reader = SecretReader(piece)
    guard try reader.u8() == BackupItem.account.rawValue else { throw CryptoError.wrongLength }
    return try ExportedAccount(decoding: try reader.secret(try reader.varint()))
  }

  /// Puts what a piece holds into the store of the new device; the account is there already.
  package mutating func restore(_ piece: consuming Secret) throws {
    var reader = SecretReader(piece)
    while reader.remaining > 0 {
      guard let item = BackupItem(rawValue: try reader.u8()) else { throw CryptoError.wrongLength }
      let content = try reader.secret(try reader.varint())
      switch item {
      case .account: continue
      case .contact: try restore(contact: records.decoded(content))
      case .message: try restore(message: records.decoded(content))
      case .unshown: try restore(unshown: records.decoded(content))
      case .devices: try restore(devices: records.decoded(content))
      }
    }
  }

  private mutating func restore(contact saved: Contact) throws {
    if let known = try contact(saved.account) { return try merge(saved, into: known) }
    var contact = saved
    // They count sessions with a device that is no more; this one begins with a reset.
    contact.generations = [:]
    contact.resets = []
    // What was known may be old by now, also of ourselves: the next send looks.
    contact.cardCheckedAt = 0
    try records.save(contact)
    if let name = contact.name { try records.save(ContactName(name, contact.account)) }
  }

  /// A linked device may have heard from them already, before it heard of them.
  private mutating func merge(_ saved: Contact, into known: Contact) throws {
    guard known.role == .person else { return }
    var contact = known
    contact.isAccepted = known.isAccepted || saved.isAccepted
    contact.isBlocked = saved.isBlocked
    contact.verifiedAt = saved.verifiedAt
    contact.timer = saved.timer
    contact.name = known.name ?? saved.name
    contact.knowsList.merge(saved.knowsList, uniquingKeysWith: max)
    contact.hasForkEvidence = known.hasForkEvidence || saved.hasForkEvidence
    if known.replyPathSequence < saved.replyPathSequence {
      contact.replyPathSequence = saved.replyPathSequence
      contact.contactSecret = saved.contactSecret
      contact.relay = saved.relay
      contact.capabilities = saved.capabilities
    }
    if (known.card?.head.sequence ?? 0) < saved.card?.head.sequence ?? 0 { contact.card = saved.card }
    try records.save(contact)
    if let name = contact.name { try records.save(ContactName(name, contact.account)) }
  }

  /// Names of those that are still in the list.
  private func restore(devices saved: OwnDevices) throws {
    guard var devices = try ownDevices() else { return }
    let listed = Set(try ownCard(profile()).list.devices.map(\.id))
    devices.names.merge(saved.names.filter { listed.contains($0.key) }) { known, _ in known }
    try records.save(devices)
  }

  private func restore(unshown: Unshown) throws {
    // Of a message that was over before it was restored there is nothing to show.
    if try records.load(StoredMessage.self, unshown.message) != nil { try records.save(unshown) }
  }

  private mutating func restore(message saved: StoredMessage) throws {
    var message = saved
    let isOver = message.deletedAt != 0 && message.deletedAt <= now
    guard !isOver, try records.load(StoredMessage.self, message.key) == nil else { return }
    let isLinked = try ownDevices() != nil
    // The device that it comes from goes on sending it.
    if isLinked, message.state == .queued || message.state == .unconfirmed { message.state = .sent }
    message.searchBlock = 0
    try keep(message)
    if message.deletedAt != 0 { try records.save(Expiring(message)) }
    if isLinked { return }
    // It had not gone out for certain: it goes again under its own id, so that nobody reads it twice. [client.8]
    guard message.direction == .outgoing, message.state == .queued || message.state == .unconfirmed,
      let contact = try contact(message.account), contact.isAccepted, !contact.isBlocked
    else { return }
    try enqueue(message, to: contact)
  }
}
