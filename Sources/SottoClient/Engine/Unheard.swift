internal import SottoCrypto
internal import SottoSession

/// A message that the relay has stored, of which nothing says yet that its device has opened it. If the session that it
/// went out on comes to an end it goes again, on the one that follows: the device may have given up that session before.
/// [client.20]
struct Unheard: StoredRecord, Equatable {
  let session: Digest
  /// Our chain of the session that it went out on, or a later one; counted from 1.
  let chain: UInt32
  let message: MessageID
  let account: AccountID
  let device: DeviceID
  let content: [UInt8]
  let resends: UInt8

  init(_ item: OutboxItem, to device: DeviceID, on session: Digest, chain: Int) {
    self.session = session
    self.chain = UInt32(clamping: chain)
    message = item.message
    account = item.account
    self.device = device
    content = item.content
    resends = item.resends
  }

  static var table: Table { .unheard }
  var key: [UInt8] { Self.key(message, account, device) }
  var group: [UInt8] { session.bytes }

  static func key(_ message: MessageID, _ account: AccountID, _ device: DeviceID) -> [UInt8] {
    account.bytes + message.bytes + device.bytes
  }

  func encode(to writer: inout SecretWriter) {
    writer.fixed(session.bytes)
    writer.u32(chain)
    writer.fixed(message.bytes)
    writer.fixed(account.bytes)
    writer.fixed(device.bytes)
    writer.vector(content)
    writer.u8(resends)
  }

  init(from reader: inout SecretReader, format: UInt8) throws {
    session = try reader.digest()
    chain = try reader.u32()
    message = try reader.messageID()
    account = try reader.account()
    device = try reader.device()
    content = try reader.vector()
    resends = try reader.u8()
  }

  /// Messages alone go again, and copies of them: readers know a message by its id, but would take an old timer, or how a
  /// contact stood once, for new. And not for ever: a peer may begin one session after the other.
  static func isKept(_ item: OutboxItem) -> Bool {
    guard item.resends < ClientLimits.resends, let content = try? Content(decoding: item.content) else { return false }
    return content.isMessage
      || content.parts.contains { part in
        switch part {
        case .link: true
        case .copy(let copy): copy.message != nil
        default: false
        }
      }
  }

  func again(to device: DeviceID) -> OutboxItem {
    var item = OutboxItem(message, to: account, device: device, content: content)
    item.resends = resends
    return item.again(to: device)
  }
}

extension Engine {
  /// The relay has it: it is kept until something of the peer's shows that it was opened.
  func keepUnheard(_ item: OutboxItem, in row: borrowing SessionRow) throws {
    guard let device = item.device, let chain = row.session.sendingChain, Unheard.isKept(item) else { return }
    let session = row.session.info.sid
    if try records.count(.unheard, group: session.bytes) >= ClientLimits.unheard {
      var oldest: Unheard?
      try records.each(.unheard, group: session.bytes, newestFirst: false) { row in
        oldest = try records.decoded(row)
        return false
      }
      if let oldest { try records.remove(oldest) }
    }
    try records.save(Unheard(item, to: device, on: session, chain: chain))
  }

  /// The peer has answered one of our chains, so that we begin the next one, `chain`. It has opened something of the
  /// answered one; what came before that one was in its mailbox before. What is in the answered one itself may have been
  /// written later than the answer.
  func heard(in session: Digest, upTo chain: Int) throws {
    for unheard in try records.all(Unheard.self, group: session.bytes) where Int(unheard.chain) < chain - 1 {
      try records.remove(unheard)
    }
  }

  /// A device says that it has a message.
  func heard(_ message: MessageID, by device: DeviceID, of account: AccountID) throws {
    try records.delete(.unheard, Unheard.key(message, account, device))
    let item = OutboxItem(message, to: account, device: device, content: [])
    if try records.load(OutboxItem.self, item.key)?.stage == .waiting { try records.remove(item) }
  }

  /// A session comes to an end: what nobody has heard goes again. [client.20]
  mutating func sendUnheardAgain(of session: Digest) throws {
    guard try records.count(.unheard, group: session.bytes) > 0 else { return }
    // What has disappeared here has done so, or will, on the other side. [client.19]
    try deleteExpired()
    for unheard in try records.all(Unheard.self, group: session.bytes) {
      try records.remove(unheard)
      try records.save(unheard.again(to: unheard.device))
    }
  }

  func forgetUnheard(of session: Digest) throws {
    for unheard in try records.all(Unheard.self, group: session.bytes) { try records.remove(unheard) }
  }

  func forgetUnheard(of account: AccountID) throws {
    for candidate in try candidates(of: account) { try forgetUnheard(of: candidate.info.sid) }
  }
}
