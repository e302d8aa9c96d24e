internal import SottoCrypto
internal import SottoWire

/// 16 bytes of a name as one number: compared in one step, and kept without an allocation of its own.
typealias Name = UInt128

extension Name {
  init(_ mailbox: MailboxID) { self = mailbox.number }
  init(_ envelope: EnvelopeID) { self = envelope.number }
}

/// What the writer knows of every mailbox without asking the file: some 300 bytes each, and 100 for each envelope.
///
/// The writer alone changes it. An arrival is in it from the moment it is taken in, so that the next one in the same
/// commit sees it, and is taken back if the commit fails; everything else is changed after its commit.
///
///     admit -> waiting --acknowledge, expire--> discarded --discard--> delivered (names only) --forget--> gone
struct QueueIndex {
  private var mailboxes: [Name: MailboxQueue] = [:]
  /// The key of the last row that was given out.
  private var lastKey: Int64 = 0
  /// Rows whose envelopes are gone, and whose bytes are not yet.
  private(set) var discarded: [Discarded] = []
  private(set) var discardedBytes = 0
  /// Names of delivered envelopes, of all mailboxes.
  private(set) var deliveredNames = 0

  struct Discarded {
    let key: Int64
    let size: Int
    let mailbox: Name
  }

  subscript(mailbox: Name) -> MailboxQueue? { mailboxes[mailbox] }
  subscript(mailbox: MailboxID) -> MailboxQueue? { mailboxes[Name(mailbox)] }
  /// For sweeps.
  var all: [Name: MailboxQueue] { mailboxes }

  // MARK: Arrivals

  /// Takes an envelope in: the row to be written; nil when its name is known. Throws a `Refusal`.
  mutating func admit(_ arrival: Arrival, now: Int64, _ admission: ArrivalAdmission) throws -> NewRow? {
    let name = Name(arrival.mailbox)
    // "No such mailbox" does the same work as "wrong capability", and is the same answer. [relay.24]
    guard let place = mailboxes.index(forKey: name) else {
      _ = MailboxQueue.nobody.kind(arrival.capability, now: now)
      throw Refusal(.deliveryRefused)
    }
    guard let row = try mailboxes.values[place].admit(arrival, key: lastKey + 1, now: now, admission) else {
      return nil
    }
    lastKey += 1
    return row
  }

  /// As if the rows had never come: their commit failed.
  mutating func takeBack(_ rows: [NewRow]) {
    for row in rows.reversed() { mailboxes[Name(row.arrival.mailbox)]?.takeBack(row) }
  }

  // MARK: What goes

  /// Every envelope up to `index` is gone: acknowledged or expired.
  mutating func discard(_ mailbox: Name, upTo index: UInt64) {
    guard let place = mailboxes.index(forKey: mailbox) else { return }
    for gone in mailboxes.values[place].release(upTo: index) { noteDiscarded(gone.key, Int(gone.size), mailbox) }
  }

  private mutating func noteDiscarded(_ key: Int64, _ size: Int, _ mailbox: Name) {
    discarded.append(Discarded(key: key, size: size, mailbox: mailbox))
    discardedBytes += size
  }

  /// The oldest rows to be overwritten next: neighbours share pages.
  mutating func nextDiscarded() -> [Discarded] {
    discarded.sort { $0.key < $1.key }
    return Array(discarded.prefix(RelayLimits.discardStep))
  }

  /// The first `count` discarded rows were overwritten, and the names of some of them written down.
  mutating func overwrote(_ count: Int, _ pages: [PageOfMailbox]) {
    discardedBytes -= discarded.prefix(count).reduce(0) { $0 + $1.size }
    discarded.removeFirst(count)
    for found in pages {
      mailboxes[found.mailbox]?.delivered.append(found.page)
      deliveredNames += found.page.count
    }
  }

  /// A page of delivered names was deleted.
  mutating func forgot(_ page: DeliveredPage, of mailbox: Name, names: [Name]) {
    guard let place = mailboxes.index(forKey: mailbox) else { return }
    mailboxes.values[place].delivered.removeAll { $0.key == page.key }
    deliveredNames -= page.count
    for name in names { mailboxes.values[place].known.remove(name) }
  }

  // MARK: Mailboxes

  mutating func add(_ mailbox: MailboxID, _ queue: MailboxQueue) { mailboxes[Name(mailbox)] = queue }

  /// The rows of a mailbox, overwritten or not, and its pages of names.
  func keys(of mailbox: MailboxID) -> (rows: [Int64], pages: [Int64]) {
    let name = Name(mailbox)
    guard let queue = mailboxes[name] else { return ([], []) }
    let gone = discarded.filter { $0.mailbox == name }.map(\.key)
    return (gone + queue.waiting.map(\.key), queue.delivered.map(\.key))
  }

  mutating func remove(_ mailbox: MailboxID) {
    let name = Name(mailbox)
    guard let queue = mailboxes.removeValue(forKey: name) else { return }
    deliveredNames -= queue.delivered.reduce(0) { $0 + $1.count }
    discardedBytes -= discarded.reduce(0) { $0 + ($1.mailbox == name ? $1.size : 0) }
    discarded.removeAll { $0.mailbox == name }
  }

  mutating func open(_ mailbox: MailboxID, to slots: [CapabilitySlot]) {
    mailboxes[Name(mailbox)]?.doors = slots.map { Door($0) }
  }

  mutating func pay(_ mailbox: MailboxID, until lease: Int64?) { mailboxes[Name(mailbox)]?.lease = lease }

  mutating func wantsPush(_ mailbox: MailboxID, _ wants: Bool) { mailboxes[Name(mailbox)]?.wantsPush = wants }

  mutating func forgiveLeases() {
    for place in mailboxes.values.indices { mailboxes.values[place].lease = nil }
  }

  /// Forgets capabilities that ran out before `time`.
  mutating func closeDoors(before time: Int64) {
    for place in mailboxes.values.indices {
      mailboxes.values[place].doors.removeAll { door in door.expires.map { $0 < time } ?? false }
    }
  }

  // MARK: What is found at the start

  mutating func found(_ door: Door, in mailbox: Name) { mailboxes[mailbox]?.doors.append(door) }

  mutating func found(_ row: MailboxQueue.Waiting, name: Name, in mailbox: Name) {
    lastKey = max(lastKey, row.key)
    guard let place = mailboxes.index(forKey: mailbox) else { return }
    mailboxes.values[place].known.insert(name)
    if row.index <= mailboxes.values[place].state.lastIndex {
      return noteDiscarded(row.key, Int(row.size), mailbox)
    }
    mailboxes.values[place].found(row)
  }

  mutating func found(_ page: DeliveredPage, names: [Name], in mailbox: Name) {
    guard let place = mailboxes.index(forKey: mailbox) else { return }
    mailboxes.values[place].delivered.append(page)
    mailboxes.values[place].known.formUnion(names)
    deliveredNames += page.count
  }
}

/// A row that an arrival becomes.
struct NewRow {
  let key: Int64
  let mailbox: Int64
  let index: UInt64
  let kind: CapabilityClass
  let day: Int64
  let arrival: Arrival
}

/// One row of delivered names: they came on the same day, to the same mailbox.
struct DeliveredPage {
  let key: Int64
  let day: Int64
  let count: Int
}

/// The same, and whose it is.
struct PageOfMailbox {
  let mailbox: Name
  let page: DeliveredPage
}
