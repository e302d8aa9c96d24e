internal import SottoCrypto
package import SottoWire

/// Which socket of a mailbox counts, as the store knows it.
package struct Home: Equatable, Sendable {
  /// nil: none.
  package let socket: SocketHandle?
  /// How often one was claimed, by whichever relay.
  package let claim: UInt64
  /// The index of the last envelope that came, whether it still waits or not.
  package let lastIndex: UInt64
  /// The index of the last envelope that was deleted.
  package let acknowledged: UInt64

  package init(socket: SocketHandle?, claim: UInt64, lastIndex: UInt64, acknowledged: UInt64) {
    (self.socket, self.claim, self.lastIndex, self.acknowledged) = (socket, claim, lastIndex, acknowledged)
  }
}

/// The mailbox's socket is the one that was opened.
package struct HomeClaim: Equatable, Sendable {
  package let claim: UInt64
  package let lastIndex: UInt64
  /// The index of the last envelope that waits, or 0.
  package let lastWaiting: UInt64

  package init(claim: UInt64, lastIndex: UInt64, lastWaiting: UInt64) {
    (self.claim, self.lastIndex, self.lastWaiting) = (claim, lastIndex, lastWaiting)
  }
}

/// A socket that asks the store to count. An object, because an asynchronous method may not be handed many values:
/// see `PostgreSQLStore`.
package final class SocketOpening: Sendable {
  package let mailbox: MailboxID
  package let node: NodeID
  package let socket: SocketHandle
  private let check: @Sendable () throws -> Void

  package init(
    _ mailbox: MailboxID, at node: NodeID, _ socket: SocketHandle, check: @escaping @Sendable () throws -> Void = {}
  ) {
    (self.mailbox, self.node, self.socket, self.check) = (mailbox, node, socket, check)
  }

  /// Throws when nobody waits for the claim any more: made late, it would take the mailbox from a socket that is newer.
  package func checkIsWanted() throws { try check() }
}

/// A store that several relays have at once. It knows which of them holds the socket of each mailbox, and reports to the
/// one that changed something (`CommitReport.elsewhere`) who else has to know.
///
/// An envelope and a claim of the same mailbox come one after the other. If the claim is the first, the envelope is
/// reported with its socket; if it is the second, its answer has the envelope's index. So neither can miss the other.
package protocol SharedStore: RelayStore, PushLedger {
  /// The mailbox's socket is this from now on; nil when there is no mailbox. Asks before each attempt whether it is wanted.
  func claimHome(_ opening: SocketOpening) async throws -> HomeClaim?
  /// These sockets have ended. One that no longer counts is passed over.
  func leaveHomes(_ sockets: [SocketHandle: MailboxID]) async throws
  /// Which sockets these mailboxes have; those that do not exist are left out.
  func homes(_ ids: [MailboxID]) async throws -> [MailboxID: Home]
  /// Says that `node` runs.
  func beat(_ node: NodeID) async throws
  /// The node has ended.
  func end(_ node: NodeID) async throws
}
