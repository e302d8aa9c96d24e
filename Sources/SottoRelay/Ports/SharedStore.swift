package import SottoWire

/// Which relay holds the socket of a mailbox, as the store knows it.
package struct Home: Equatable, Sendable {
  /// nil: none.
  package let node: NodeID?
  /// How often the socket was taken over, by whichever relay.
  package let claim: UInt64
  /// The index of the last envelope that came, whether it still waits or not.
  package let lastIndex: UInt64

  package init(node: NodeID?, claim: UInt64, lastIndex: UInt64) {
    (self.node, self.claim, self.lastIndex) = (node, claim, lastIndex)
  }
}

/// The socket of a mailbox is at the relay that asked.
package struct HomeClaim: Equatable, Sendable {
  package let claim: UInt64
  package let lastIndex: UInt64
  /// The index of the last envelope that waits, or 0.
  package let lastWaiting: UInt64

  package init(claim: UInt64, lastIndex: UInt64, lastWaiting: UInt64) {
    (self.claim, self.lastIndex, self.lastWaiting) = (claim, lastIndex, lastWaiting)
  }
}

/// A store that several relays have at once. It knows which of them holds the socket of each mailbox, and reports to the
/// one that changed something (`CommitReport.elsewhere`) who else has to know.
///
/// An envelope and a claim of the same mailbox come one after the other. If the claim is the first, the envelope is
/// reported with its node; if it is the second, its answer has the envelope's index. So neither can miss the other.
package protocol SharedStore: RelayStore {
  /// The mailbox's socket is at `node` from now on. nil when there is no mailbox.
  func claimHome(_ id: MailboxID, for node: NodeID) async throws -> HomeClaim?
  /// These sockets are no longer at `node`, except those that were claimed since.
  func leaveHomes(_ claims: [MailboxID: UInt64], of node: NodeID) async throws
  /// Where the sockets of these mailboxes are; those that do not exist are left out.
  func homes(_ ids: [MailboxID]) async throws -> [MailboxID: Home]
  /// Says that `node` is alive. False when the store had not heard so for longer than a lease, or never.
  func beat(_ node: NodeID) async throws -> Bool
  /// The node has ended.
  func end(_ node: NodeID) async throws
}
