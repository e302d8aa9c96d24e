package import SottoCrypto
package import SottoWire

/// One run of a relay that has others beside it: drawn anew at each start, so that no relay is taken for one that died.
package struct NodeID: Hashable, Sendable {
  package static let count = 16
  package let number: UInt128

  package init(number: UInt128) { self.number = number }
  package init(from entropy: inout some Entropy) { number = UInt128(bytes: entropy.bytes(Self.count)) }
}

/// What one relay tells another about mailboxes whose sockets the other holds. It carries names and nothing else.
/// [leakage.6]
package struct Notice: Equatable, Sendable {
  package enum Kind: UInt8, Sendable, CaseIterable {
    /// An envelope was stored.
    case arrived = 1
    /// The mailbox is gone, or another relay holds its socket: look into the store.
    case changed = 2
  }

  package let kind: Kind
  package let mailboxes: [MailboxID]

  package init(_ kind: Kind, _ mailboxes: [MailboxID]) { (self.kind, self.mailboxes) = (kind, mailboxes) }

  /// The kind, and the names one after the other.
  package var encoded: [UInt8] { mailboxes.reduce(into: [kind.rawValue]) { $0 += $1.bytes } }

  /// Refuses as `outOfRange` what no relay sends.
  package init(decoding bytes: [UInt8]) throws(WireError) {
    let names = bytes.dropFirst()
    guard let kind = bytes.first.flatMap(Kind.init), names.count % MailboxID.count == 0, !names.isEmpty,
      names.count <= RelayLimits.noticeNames * MailboxID.count
    else { throw .outOfRange }
    self.kind = kind
    mailboxes = stride(from: names.startIndex, to: names.endIndex, by: MailboxID.count).map {
      MailboxID(number: UInt128(bytes: names[$0..<$0 + MailboxID.count]))
    }
  }
}

/// What a bus has to say to the relay that is on it.
package enum BusEvent: Equatable, Sendable {
  case heard(Notice)
  /// From now on what others say is heard; what they said before may be lost.
  case connected
  /// From now on nothing is.
  case disconnected
  /// So many names could not be told.
  case dropped(Int)
}

/// What relays with one store tell each other with. One contract, which every adapter passes (`BusContract` in the tests).
///
/// It may lose anything, and say it twice or late: the store is the truth, and a relay looks there now and then. So
/// nothing here waits, and nothing here fails.
package protocol RelayBus: Sendable {
  func tell(_ node: NodeID, _ notice: Notice)
  /// Returns when nothing more is heard.
  func close() async
}

/// What connects a relay with a message server. An adapter of its own.
package protocol BusConnector: Sendable {
  /// Returns at once: the server may be away, now and later. `hear` is called on a thread of the bus.
  func connect(
    _ address: BusAddress, as node: NodeID, hear: @escaping @Sendable (BusEvent) -> Void
  ) throws(StartFailure) -> any RelayBus
}

/// What a program can reach besides a file. nil where it was built without.
package struct Adapters: Sendable {
  package let database: (any StoreDatabase)?
  package let bus: (any BusConnector)?

  package init(database: (any StoreDatabase)? = nil, bus: (any BusConnector)? = nil) {
    (self.database, self.bus) = (database, bus)
  }
}
