internal import SottoCrypto
internal import SottoSession

/// When a session with a contact that has lost step is begun anew, though its user writes nothing. [client.6]
struct Repair: StoredRecord, Equatable {
  let account: AccountID
  /// Unix seconds; 0: nothing is to be done.
  var dueAt: UnixTime = 0
  /// When it was done last: unix seconds; 0: never.
  var doneAt: UnixTime = 0

  static var table: Table { .own }
  static let group = Array("repair".utf8)
  static func key(_ account: AccountID) -> [UInt8] { group + account.bytes }
  var key: [UInt8] { Self.key(account) }
  var group: [UInt8] { Self.group }

  init(of account: AccountID) { self.account = account }

  func encode(to writer: inout SecretWriter) {
    writer.fixed(account.bytes)
    writer.u64(dueAt)
    writer.u64(doneAt)
  }

  init(from reader: inout SecretReader, format: UInt8) throws {
    account = try reader.account()
    dueAt = try reader.u64()
    doneAt = try reader.u64()
  }
}

extension Engine {
  /// A session with somebody has become suspect. The time is drawn, so that whoever bent a message does not see when its
  /// reader has met it.
  mutating func expectRepair(of account: AccountID) throws {
    var repair = try records.load(Repair.self, Repair.key(account)) ?? Repair(of: account)
    guard repair.dueAt == 0 else { return }
    let wait = ClientLimits.repairWait
    let drawn = seconds + wait.lowerBound + drawn(below: wait.upperBound - wait.lowerBound + 1)
    repair.dueAt = repair.doneAt == 0 ? drawn : max(drawn, repair.doneAt + ClientLimits.repairPause)
    try records.save(repair)
  }

  /// Begins the sessions whose time has come, if nothing has mended them since.
  mutating func repairInBackground() throws {
    for var repair in try records.all(Repair.self, group: Repair.group) {
      if repair.dueAt != 0, repair.dueAt <= seconds {
        repair.dueAt = 0
        if let contact = try contact(repair.account), contact.isAccepted, try hasSuspect(contact.account) {
          try enqueue([], to: contact, id: MessageID(from: &entropy))
          repair.doneAt = seconds
        }
        try records.save(repair)
      } else if repair.dueAt == 0, repair.doneAt + ClientLimits.repairPause < seconds {
        try records.remove(repair)
      }
    }
  }

  private func hasSuspect(_ account: AccountID) throws -> Bool {
    try candidates(of: account).contains { try $0.archivedAt == nil && session($0.info.sid)?.isSuspect ?? false }
  }
}
