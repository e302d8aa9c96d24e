package import SottoWire

/// A device that is to be woken, and whose mailbox it is: the mailbox stays with the relay.
package struct DuePush: Equatable, Sendable {
  package let mailbox: MailboxID
  package let job: PushJob

  package init(mailbox: MailboxID, job: PushJob) { (self.mailbox, self.job) = (mailbox, job) }
}

/// Which devices want to be woken, and which are to be now. A store that several relays have keeps it; what it promises
/// is in Specs/Push.md.
///
/// A mailbox's push is due from the transaction in which something comes to wait and nobody listens, until the queue has
/// taken the job. So a relay that dies in between loses none: the next one takes it over. [push.4]
///
///     none --set--> idle --envelope waits, nobody listens--> due, taken --queued--> asked --a later day--> due
///                    ^                                                                |
///                    +------------------------- owner opens a stream -----------------+
package protocol PushLedger: Sendable {
  /// What the owner's device is woken with from now on; nil: not at all.
  func setPush(_ id: MailboxID, _ sealed: [UInt8]?, by mutation: Mutation) async throws
  /// At most `limit` that are due and that neither this relay nor another that runs has taken: they are this relay's now, and
  /// it gets none of them again before it gives it back. When this throws, some may be its own all the same.
  func takePushes(limit: Int, by node: NodeID) async throws -> [DuePush]
  /// What `node` took of these mailboxes, and what is still due, is nobody's again.
  func giveBackPushes(_ mailboxes: [MailboxID], by node: NodeID) async throws
  /// The same of everything that `node` took.
  func giveBackAllPushes(by node: NodeID) async throws
  /// The queue has these jobs, which `node` took: they are due no more, unless they became due once more meanwhile.
  func queued(_ pushes: [DuePush], by node: NodeID) async throws
  /// These subscriptions are over, unless they were replaced meanwhile: their owners are woken no more. [push.9]
  func endPushes(_ handles: [PushHandle]) async throws
  /// Frees mailboxes whose relay has died, a few at a time: what waits in them is due. How many there were.
  func leaveDeadHomes() async throws -> Int
  /// On another day than `day` what was asked for before, and nobody has looked since, is due once more. Returns the
  /// store's day: for the next call. [push.2]
  func askAgain(after day: Int64) async throws -> Int64
}

/// Where push jobs go, for the gateway to take. One contract, whichever adapter.
package protocol PushQueue: Sendable {
  /// Which of them are safe there. Others may be there all the same: to be woken twice harms nobody.
  func put(_ jobs: [PushJob]) async -> Set<PushHandle>
  /// At most `limit` subscriptions that a gateway says are over. It says so once. [push.9]
  func ended(limit: Int) async -> [PushHandle]
  /// Returns when nothing is put any more.
  func close() async
}

/// Where a gateway takes jobs from. One contract, whichever adapter. [push.6]
package protocol PushJobs: Sendable {
  /// Hands jobs to `carryOut`, so many at a time as the source lets the gateway have, until `stop`. One of which nobody hears
  /// what became of it comes again.
  func run(_ carryOut: @escaping @Sendable (PushJob) async -> PushVerdict) async
  /// Takes no more. What is being carried out is waited for, up to a limit; then `run` returns.
  func stop()
}
