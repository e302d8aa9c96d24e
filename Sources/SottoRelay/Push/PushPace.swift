package import SottoWire

/// How often owners are woken. Whoever has a mailbox decides how often it has to be, by opening and ending streams, and each
/// time somebody whom they name is asked for something in the operator's name. What is too much is not lost, it comes
/// later. In memory alone, because no time of a push is on the disk. [push.12]
package struct PushPace: Sendable {
  private var buckets = TokenBuckets<MailboxID>()
  /// Whose owners are not woken before some time has passed.
  package private(set) var postponed: Set<MailboxID> = []

  package init() {}

  /// Whether the owner may be woken now; one who may not is postponed.
  package mutating func allows(_ mailbox: MailboxID, now: Int64) -> Bool {
    guard buckets.wait(mailbox, RelayLimits.wakeups, now: now) != nil else { return true }
    postponed.insert(mailbox)
    return false
  }

  /// Somebody was asked to wake the owner.
  package mutating func wakes(_ mailbox: MailboxID, now: Int64) {
    _ = buckets.take(mailbox, RelayLimits.wakeups, now: now)
  }

  /// Of those who were postponed the ones who may be woken now: they are not postponed any more.
  package mutating func ready(now: Int64) -> [MailboxID] {
    var ready: [MailboxID] = []
    for mailbox in postponed where buckets.wait(mailbox, RelayLimits.wakeups, now: now) == nil { ready.append(mailbox) }
    postponed.subtract(ready)
    return ready
  }
}
