internal import SottoCrypto
internal import SottoWire

/// What the writer knows of one mailbox: who may put, what waits, and which names are taken.
struct MailboxQueue {
  /// An envelope that waits.
  struct Waiting {
    let key: Int64
    let index: UInt64
    let day: Int32
    let size: Int32
    let kind: CapabilityClass
  }

  /// The mailbox's number in the tables.
  let number: Int64
  var doors: [Door] = []
  /// Until when it is paid for; nil: nothing has to be. [token.13]
  var lease: Int64?
  /// Whether its owner is to be woken. [push.1]
  var wantsPush = false
  private(set) var state: QueueState
  /// In the order of their indexes, which is that of their keys.
  private(set) var waiting: [Waiting] = []
  /// Names of everything that waits, and of what was delivered lately. [relay.26]
  var known: Set<Name> = []
  /// Where the names of delivered envelopes are written down, the oldest first.
  var delivered: [DeliveredPage] = []

  /// `acknowledged`: every index up to it was given, and is gone.
  init(number: Int64, acknowledged: UInt64 = 0) {
    self.number = number
    state = QueueState(lastIndex: acknowledged)
  }

  /// A mailbox that nothing opens, as long to try as one with the usual doors.
  static let nobody: MailboxQueue = {
    var queue = MailboxQueue(number: 0)
    queue.doors = Door.ofNobody
    return queue
  }()

  /// What the capability with this hash may do; nil when it opens nothing, now. [relay.25]
  func kind(_ hash: DigestNumbers, now: Int64) -> CapabilityClass? {
    let kind = doors.kind(hash, now: now)
    return RegistrationRules.isPaid(until: lease, now: now) ? kind : nil
  }

  /// Takes an envelope in; nil when its name is known. Throws a `Refusal`, having changed nothing.
  mutating func admit(_ arrival: Arrival, key: Int64, now: Int64, _ admission: ArrivalAdmission) throws -> NewRow? {
    guard let kind = kind(arrival.capability, now: now) else { throw Refusal(.deliveryRefused) }
    let name = Name(arrival.id)
    // The name decides, not the bytes: the first envelope of a name is the one that counts. [relay.26]
    guard !known.contains(name) else { return nil }
    try admission(kind, arrival.mailbox)
    let size = arrival.bytes.count
    let index = try state.accept(size, as: kind)
    let day = MailboxRules.day(now)
    known.insert(name)
    waiting.append(
      Waiting(key: key, index: index, day: Int32(clamping: day), size: Int32(clamping: size), kind: kind))
    return NewRow(key: key, mailbox: number, index: index, kind: kind, day: day, arrival: arrival)
  }

  /// The last one that was admitted, if it is this.
  mutating func takeBack(_ row: NewRow) {
    guard waiting.last?.key == row.key else { return }
    waiting.removeLast()
    known.remove(Name(row.arrival.id))
    state.takeBack(row.arrival.bytes.count, of: row.kind)
  }

  /// Lets go of every envelope up to `index`.
  mutating func release(upTo index: UInt64) -> [Waiting] {
    let gone = Array(waiting.prefix { $0.index <= index })
    for envelope in gone { state.release(Int(envelope.size), of: envelope.kind) }
    waiting.removeFirst(gone.count)
    return gone
  }

  /// An envelope that waited when the relay started.
  mutating func found(_ envelope: Waiting) {
    state.found(Int(envelope.size), as: envelope.kind, at: envelope.index)
    waiting.append(envelope)
  }

  /// The last index up to which everything came before `day`; nil when nothing did. [relay.28]
  func expired(before day: Int64) -> UInt64? { waiting.prefix { $0.day < day }.last?.index }

  /// The greatest index, not beyond `index`, of an envelope that waits.
  func acknowledgeable(upTo index: UInt64) -> UInt64? { waiting.prefix { $0.index <= index }.last?.index }

  /// What a reader with that much room takes next.
  func next(after index: UInt64, room: Room, firstDay: Int64) -> [Waiting] {
    var found: [Waiting] = []
    var left = room.bytes
    for envelope in waiting.drop(while: { $0.index <= index }) where envelope.day >= firstDay {
      guard found.count < room.count, left > 0 else { break }
      found.append(envelope)
      left -= Int(envelope.size)
    }
    return found
  }

  /// Pages that are not needed for as many names as are promised. [relay.26]
  var superfluous: ArraySlice<DeliveredPage> {
    var rest = delivered.reduce(0) { $0 + $1.count }
    return delivered.prefix { page in
      rest -= page.count
      return rest >= RelayLimits.deliveredNames
    }
  }
}
