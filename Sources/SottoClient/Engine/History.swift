internal import SottoCrypto
package import SottoSession
internal import SottoWire

/// What has been said, as its reader wants it.
extension Engine {
  /// The newest messages of a conversation, oldest first.
  ///
  /// - Parameter skipping: how many of the newest are left out, for whoever reads on backwards.
  package func history(with account: AccountID, skipping: Int = 0, limit: Int) throws -> [StoredMessage] {
    var skipped = 0
    let newest = try records.newest(StoredMessage.self, group: account.bytes, limit: limit) { message in
      guard message.deletedAt == 0 || message.deletedAt > now else { return false }
      skipped += 1
      return skipped > skipping
    }
    return newest.reversed()
  }

  /// The message that another one answers, if it is still there.
  package func answered(by message: StoredMessage) throws -> StoredMessage? {
    guard let key = message.answeredKey else { return nil }
    return try records.load(StoredMessage.self, key)
  }

  /// A conversation at a glance.
  package struct Conversation: Sendable {
    package let contact: Contact
    package let last: StoredMessage?
    package let unread: Int
  }

  /// All conversations but with the blocked, the one with the newest message first.
  package func conversations() throws -> [Conversation] {
    var unread: [[UInt8]: Int] = [:]
    for unshown in try records.all(Unshown.self)
    where unshown.message.first == StoredMessage.Direction.incoming.rawValue {
      unread[Array(unshown.account), default: 0] += 1
    }
    let all = try contacts().filter { !$0.isBlocked }.map { contact in
      Conversation(
        contact: contact, last: try history(with: contact.account, limit: 1).first,
        unread: unread[contact.account.bytes] ?? 0)
    }
    return all.sorted { ($0.last?.recordedAt ?? 0) > ($1.last?.recordedAt ?? 0) }
  }

  /// How many messages wait to be sent.
  package func queued() throws -> Int {
    let files = try waitingUploads().count
    return try Set(records.all(OutboxItem.self).filter(\.isPending).map(\.message)).count + files
  }

  /// The ids of messages in a conversation that have still to be shown.
  package func unshown(from account: AccountID) throws -> Set<[UInt8]> {
    Set(try records.all(Unshown.self).filter { $0.account.elementsEqual(account.bytes) }.map(\.message))
  }

  /// The message of a conversation that an id, or the beginning of one in hexadecimal digits, means.
  package func message(_ id: String, with account: AccountID) throws -> StoredMessage {
    let even = id.utf8.count.isMultiple(of: 2) ? id : id + "0"
    let isID = (4...2 * MessageID.count).contains(id.utf8.count) && Hex.decode(even) != nil
    let found =
      isID
      ? try records.newest(StoredMessage.self, group: account.bytes, limit: 2) {
        $0.direction != .notice && Hex.encode($0.id.bytes).hasPrefix(id)
      } : []
    guard let message = found.first, found.count == 1 else {
      throw ClientError(
        .badData,
        "\(found.count > 1 ? "Several messages begin" : "No message of this conversation begins") with “\(id)”.",
        meaning: "Nothing was sent and nothing was changed.",
        next: "See the ids with `sotto history CONTACT --json`; at least four digits of one are needed.")
    }
    return message
  }

  /// Keeps a message as if it had been written and sent, for whoever needs a long history to measure.
  package mutating func keepWritten(_ text: String, to account: AccountID, _ id: MessageID) throws {
    var message = StoredMessage(outgoing: id, text: text, to: account, at: now)
    message.state = .sent
    try keep(message)
  }

  /// Deletes the whole conversation here; the contact and its sessions stay, and so does what has still to be sent.
  package mutating func clearHistory(with account: AccountID) throws {
    for message in try records.all(StoredMessage.self, group: account.bytes) where message.state != .queued {
      try forget(message)
    }
  }
}
