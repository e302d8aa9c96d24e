internal import SottoCrypto
internal import SottoSession
internal import SottoWire

/// The receipts that are owed to a contact: gathered, and sent together after a while drawn at random, or with the next
/// text. [client.11]
struct OwedReceipts: StoredRecord, Equatable {
  let account: AccountID
  private(set) var delivered: [MessageID] = []
  private(set) var read: [MessageID] = []
  /// When they are to be sent by themselves, unix milliseconds; what was sent last keeps the next ones waiting.
  var dueAt: UInt64 = 0
  var lastAt: UInt64 = 0

  var isEmpty: Bool { delivered.isEmpty && read.isEmpty }

  static var table: Table { .owed }
  var key: [UInt8] { account.bytes }

  init(to account: AccountID) { self.account = account }

  /// The newest are kept: an older message's state follows from nothing else, and does no harm when it is stale.
  mutating func add(_ receipt: Receipt, _ id: MessageID) {
    switch receipt {
    case .delivered: delivered = (delivered + [id]).suffix(ClientLimits.receipts)
    case .read:
      delivered.removeAll { $0 == id }
      read = (read + [id]).suffix(ClientLimits.receipts)
    }
  }

  /// It was not read after all.
  mutating func withdrawRead(_ id: MessageID) {
    guard read.contains(id) else { return }
    read.removeAll { $0 == id }
    delivered.append(id)
  }

  /// Takes up to `limit` receipts as parts of a message.
  mutating func take(limit: Int) -> [ContentPart] {
    var parts: [ContentPart] = []
    let some = read.prefix(limit)
    if !some.isEmpty { parts.append(.receipt(.read, Array(some))) }
    let others = delivered.prefix(limit - some.count)
    if !others.isEmpty { parts.append(.receipt(.delivered, Array(others))) }
    read.removeFirst(some.count)
    delivered.removeFirst(others.count)
    return parts
  }

  func encode(to writer: inout SecretWriter) {
    writer.fixed(account.bytes)
    writer.list(delivered) { $0.fixed($1.bytes) }
    writer.list(read) { $0.fixed($1.bytes) }
    writer.u64(dueAt)
    writer.u64(lastAt)
  }

  init(from reader: inout SecretReader, format: UInt8) throws {
    account = try reader.account()
    delivered = try reader.list { try $0.messageID() }
    read = try reader.list { try $0.messageID() }
    dueAt = try reader.u64()
    lastAt = try reader.u64()
  }
}

extension Engine {
  /// Owes the author of a message a receipt, if they may have one: strangers and the blocked get none, and nothing is
  /// owed for what was not a text that was kept. [client.11]
  mutating func owe(_ receipt: Receipt, for message: StoredMessage, to contact: Contact) throws {
    guard message.direction == .incoming, contact.isAccepted, !contact.isBlocked, !message.isRequest else { return }
    var owed = try owed(to: contact.account)
    if owed.isEmpty {
      let range = ClientLimits.receiptWait
      let wait = range.lowerBound + drawn(below: range.upperBound - range.lowerBound + 1)
      owed.dueAt = max(now + wait, owed.lastAt + ClientLimits.receiptPause)
    }
    owed.add(receipt, message.id)
    try records.save(owed)
  }

  private func owed(to account: AccountID) throws -> OwedReceipts {
    try records.load(OwedReceipts.self, account.bytes) ?? OwedReceipts(to: account)
  }

  /// It could not be shown.
  func withdrawRead(_ message: StoredMessage) throws {
    var owed = try owed(to: message.account)
    owed.withdrawRead(message.id)
    if !owed.isEmpty { try records.save(owed) }
  }

  /// Receipts that go along with a text.
  mutating func receiptsAlong(to account: AccountID) throws -> [ContentPart] {
    var owed = try owed(to: account)
    guard !owed.isEmpty else { return [] }
    let parts = owed.take(limit: ClientLimits.receiptsWithText)
    try records.save(owed)
    return parts
  }

  /// Puts the receipts that are due into the outbox.
  package mutating func releaseReceipts() throws {
    for var owed in try records.all(OwedReceipts.self) where !owed.isEmpty && owed.dueAt <= now {
      guard let contact = try contact(owed.account), contact.isAccepted, !contact.isHeldBack else {
        try records.remove(owed)
        continue
      }
      try enqueue(owed.take(limit: 2 * ClientLimits.receipts), to: contact, id: MessageID(from: &entropy))
      owed.lastAt = now
      try records.save(owed)
    }
  }

  /// What the peer says of messages of ours; of others it may say what it likes.
  func take(_ receipt: Receipt, of ids: [MessageID], from account: AccountID, _ device: DeviceID) throws {
    for id in ids {
      try heard(id, by: device, of: account)
      guard var message = try outgoing(id, account), message.state != .read else { continue }
      let state: StoredMessage.State = receipt == .read ? .read : .delivered
      guard message.state != state else { continue }
      message.state = state
      try records.save(message)
    }
  }

  /// A number drawn evenly below `bound`, nearly: 2^64 is large against it.
  mutating func drawn(below bound: UInt64) -> UInt64 {
    entropy.bytes(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) } % bound
  }
}
