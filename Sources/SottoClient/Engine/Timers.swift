internal import SottoCrypto
package import SottoSession
internal import SottoWire

/// That a message is to be deleted, and when: unix milliseconds.
struct Expiring: StoredRecord {
  let message: [UInt8]
  let at: UInt64

  static var table: Table { .expiring }
  var key: [UInt8] { message }

  init(_ message: StoredMessage) {
    self.message = message.key
    at = message.deletedAt
  }

  func encode(to writer: inout SecretWriter) {
    writer.vector(message)
    writer.u64(at)
  }

  init(from reader: inout SecretReader, format: UInt8) throws {
    message = try reader.vector()
    at = try reader.u64()
  }
}

/// Messages that disappear. [client.19]
extension Engine {
  /// From now on both sides keep what they write to each other for `seconds`; 0: until it is deleted.
  package mutating func setTimer(_ seconds: UInt32, with account: AccountID) throws {
    guard var contact = try contact(account), contact.timer != seconds else { return }
    try checkMayWrite(to: contact)
    contact.timer = seconds
    contact.isAccepted = true
    try records.save(contact)
    try notice("You have decided: \(Self.words(forTimer: seconds)).", about: contact, isNews: false)
    try enqueue([.timer(seconds)], to: contact, id: MessageID(from: &entropy))
    try tellStanding(of: contact)
  }

  /// The peer has decided how long messages are kept.
  mutating func take(timer seconds: UInt32, from contact: inout Contact) throws {
    guard contact.isAccepted, contact.timer != seconds else { return }
    contact.timer = seconds
    try notice("They have decided: \(Self.words(forTimer: seconds)).", about: contact)
  }

  /// Starts the time of a message that was sent or read.
  func startTimer(of message: inout StoredMessage) throws {
    guard message.timer > 0, message.deletedAt == 0 else { return }
    message.deletedAt = now + UInt64(message.timer) * 1000
    try records.save(message)
    try records.save(Expiring(message))
  }

  /// It was not read after all.
  func stopTimer(of shown: StoredMessage) throws {
    guard shown.direction == .incoming, shown.deletedAt != 0 else { return }
    var message = shown
    message.deletedAt = 0
    try records.save(message)
    try records.delete(.expiring, message.key)
  }

  /// Deletes the messages whose time has come, with everything that could tell what they said.
  package mutating func deleteExpired() throws {
    for expiring in try records.all(Expiring.self) where expiring.at <= now {
      try records.remove(expiring)
      guard let message = try records.load(StoredMessage.self, expiring.message) else { continue }
      try forget(message)
    }
  }

  /// Takes a message out of history, search, outbox and what is still to be shown.
  func forget(_ message: StoredMessage) throws {
    try takeOutOfIndex(message)
    try records.delete(.unshown, message.key)
    try records.delete(.expiring, message.key)
    try records.remove(message)
    try records.delete(.transfer, message.key)
    try forgetCopies(of: message)
    guard message.direction == .outgoing else { return }
    for item in try records.all(OutboxItem.self, group: message.account.bytes) where item.message == message.id {
      try records.remove(item)
    }
    for device in try contact(message.account)?.card?.devices ?? [] {
      try records.delete(.unheard, Unheard.key(message.id, message.account, device.id))
    }
  }

  /// What other devices of ours have still to be told of it.
  private func forgetCopies(of message: StoredMessage) throws {
    guard let own = try ownContact() else { return }
    func isCopy(_ content: [UInt8]) -> Bool {
      (try? Content(decoding: content))?.parts.contains { part in
        if case .copy(let copy) = part { copy.message?.content.id == message.id } else { false }
      } ?? false
    }
    for item in try records.all(OutboxItem.self, group: own.account.bytes) where isCopy(item.content) {
      try records.remove(item)
    }
    for candidate in try candidates(of: own.account) {
      for unheard in try records.all(Unheard.self, group: candidate.info.sid.bytes) where isCopy(unheard.content) {
        try records.remove(unheard)
      }
    }
  }

  static func words(forTimer seconds: UInt32) -> String {
    guard seconds > 0 else { return "messages are kept" }
    let units: [(length: UInt32, one: String, many: String)] = [
      (604_800, "a week", "weeks"), (86_400, "a day", "days"), (3600, "an hour", "hours"), (60, "a minute", "minutes"),
      (1, "a second", "seconds"),
    ]
    let unit = units.first { seconds.isMultiple(of: $0.length) }!
    let count = seconds / unit.length
    return "messages disappear after \(count == 1 ? unit.one : "\(count) \(unit.many)")"
  }
}
