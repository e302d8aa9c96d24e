package import SottoCrypto
package import SottoWire

/// One run of a relay that has others beside it: drawn anew at each start, so that no relay is taken for one that died.
package struct NodeID: Hashable, Sendable {
  package static let count = 16
  package let number: UInt128

  package init(number: UInt128) { self.number = number }
  package init(from entropy: inout some Entropy) { number = UInt128(bytes: entropy.bytes(Self.count)) }
}

/// One socket of an owner at one relay: drawn for each, so that who sees it learns nothing of the mailbox, and not whether
/// two of them are of one. [leakage.6]
package struct SocketHandle: Hashable, Sendable {
  package static let count = 16
  package let number: UInt128

  package init(number: UInt128) { self.number = number }
  package init(from entropy: inout some Entropy) { number = UInt128(bytes: entropy.bytes(Self.count)) }
}

/// What one relay tells another about sockets that the other holds. It carries their handles and nothing else. [leakage.6]
package struct Notice: Equatable, Sendable {
  package enum Kind: UInt8, Sendable, CaseIterable {
    /// An envelope was stored.
    case arrived = 1
    /// The mailbox is gone, or another relay holds its socket: look into the store.
    case changed = 2
  }

  package let kind: Kind
  package let sockets: [SocketHandle]

  package init(_ kind: Kind, _ sockets: [SocketHandle]) { (self.kind, self.sockets) = (kind, sockets) }

  /// The kind, and the handles one after the other.
  package var encoded: [UInt8] { sockets.reduce(into: [kind.rawValue]) { $0 += $1.number.bytes } }

  /// Refuses as `outOfRange` what no relay sends.
  package init(decoding bytes: [UInt8]) throws(WireError) {
    let handles = bytes.dropFirst()
    guard let kind = bytes.first.flatMap(Kind.init), handles.count % SocketHandle.count == 0, !handles.isEmpty,
      handles.count <= RelayLimits.noticeSockets * SocketHandle.count
    else { throw .outOfRange }
    self.kind = kind
    sockets = stride(from: handles.startIndex, to: handles.endIndex, by: SocketHandle.count).map {
      SocketHandle(number: UInt128(bytes: handles[$0..<$0 + SocketHandle.count]))
    }
  }
}

/// What a bus has to say to the relay that is on it.
package enum BusEvent: Equatable, Sendable {
  case heard(Notice)
  /// From now on what others say is heard; what they said before may be lost.
  case connected
  /// Nothing is heard: from now on, or because there was no connection to be had.
  case disconnected
  /// So many handles were taken, and could not be told.
  case dropped(Int)
}

/// What relays with one store tell each other with. One contract, which every adapter passes (`BusContract` in the tests).
///
/// It may lose anything, and say it twice or late: the store is the truth, and a relay looks there now and then. So
/// nothing here waits, and nothing here fails.
package protocol RelayBus: Sendable {
  /// Connects, now and whenever it must. `hear` is called on a thread of the bus, and must not wait. Called once.
  func start(_ hear: @escaping @Sendable (BusEvent) -> Void)
  /// Whether it is taken. What cannot be told now is not kept: it would be worth little later.
  func tell(_ node: NodeID, _ notice: Notice) -> Bool
  /// Called every second: a bus that has stopped to work without a word finds out.
  func check()
  /// Returns when nothing more is heard, and soon.
  func close() async
}

/// What makes a bus of a message server. An adapter of its own.
package protocol BusConnector: Sendable {
  /// Looks at what is on this machine, and connects to nothing yet: the server may be away, now and later.
  func bus(_ address: BusAddress, as node: NodeID) throws(StartFailure) -> any RelayBus
  /// The same of the queue of push jobs, which lies at the same server.
  func pushQueue(_ address: BusAddress) throws(StartFailure) -> any PushQueue
  /// What of both can be said without them.
  func check(_ address: BusAddress) throws(StartFailure)
  /// Waits until the server has let somebody in, or has not. Makes nothing there.
  func reach(_ address: BusAddress) throws(StartFailure)
}

extension BusConnector {
  package func check(_ address: BusAddress) throws(StartFailure) {}
  package func reach(_ address: BusAddress) throws(StartFailure) {}
}

/// What a program can reach besides a file. nil where it was built without.
package struct Adapters: Sendable {
  package let database: (any StoreDatabase)?
  package let bus: (any BusConnector)?

  package init(database: (any StoreDatabase)? = nil, bus: (any BusConnector)? = nil) {
    (self.database, self.bus) = (database, bus)
  }
}
