package import SottoWire

/// A mailbox without its envelopes, prekeys and capabilities: the row that every rule about its owner reads and writes.
package struct MailboxState: Equatable, Sendable {
  package var head: OwnerHead
  /// The id of the signed part.
  package var signedPart: UInt64?
  /// The greatest batch that was ever uploaded.
  package var greatestBatch: UInt64?
  /// Claims since the last signed part that found no one-time part.
  package var lastResortClaims: UInt64 = 0

  package init(head: OwnerHead) { self.head = head }
}

/// The counters of a mailbox's queue: which index is next, and what waits in each of the two quotas.
package struct QueueState: Equatable, Sendable {
  package struct Usage: Equatable, Sendable {
    package var count = 0
    package var bytes = 0

    package init(count: Int = 0, bytes: Int = 0) { (self.count, self.bytes) = (count, bytes) }
  }

  /// The last index that was given; the first is 1. Never given again. [stream.4]
  package private(set) var lastIndex: UInt64
  /// Sent by contacts, with a contact or retiring capability.
  package private(set) var contact = Usage()
  /// Sent by strangers.
  package private(set) var knock = Usage()

  /// A queue in which nothing waits.
  package init(lastIndex: UInt64 = 0) { self.lastIndex = lastIndex }

  /// A queue as it was stored.
  package init(lastIndex: UInt64, contact: Usage, knock: Usage) {
    (self.lastIndex, self.contact, self.knock) = (lastIndex, contact, knock)
  }

  /// Takes an envelope in: its index, or why not. [relay.27]
  package mutating func accept(_ size: Int, as kind: CapabilityClass) throws(Refusal) -> UInt64 {
    let usage = kind == .knock ? knock : contact
    let limits =
      kind == .knock
      ? (RelayLimits.knockEnvelopes, RelayLimits.knockBytes) : (RelayLimits.contactEnvelopes, RelayLimits.contactBytes)
    guard usage.count < limits.0, usage.bytes + size <= limits.1 else { throw Refusal(.mailboxFull) }
    count(1, size, kind)
    lastIndex += 1
    return lastIndex
  }

  /// Takes account of an envelope that was stored before the relay started.
  package mutating func found(_ size: Int, as kind: CapabilityClass, at index: UInt64) {
    count(1, size, kind)
    lastIndex = max(lastIndex, index)
  }

  /// Takes account of an envelope that was acknowledged or has expired.
  package mutating func release(_ size: Int, of kind: CapabilityClass) { count(-1, -size, kind) }

  /// As if the envelope with the last index had never come: its commit failed.
  package mutating func takeBack(_ size: Int, of kind: CapabilityClass) {
    release(size, of: kind)
    lastIndex -= 1
  }

  private mutating func count(_ count: Int, _ bytes: Int, _ kind: CapabilityClass) {
    if kind == .knock {
      knock.count += count
      knock.bytes += bytes
    } else {
      contact.count += count
      contact.bytes += bytes
    }
  }
}

/// What owners and senders may do with a mailbox.
package enum MailboxRules {
  /// A retiring capability lives for 7 days at most. [relay.14]
  package static func check(_ set: CapabilitySet, now: Int64) throws(Refusal) {
    let latest = UInt64(clamping: now) + WireLimits.retiring + UInt64(OwnerRequest.window)
    guard set.slots.allSatisfy({ ($0.expires ?? 0) <= latest }) else { throw Refusal(.requestMalformed) }
  }

  /// Whether a stored slot still opens the mailbox. [relay.25]
  package static func isOpen(expires: Int64?, now: Int64) -> Bool {
    expires.map { now <= $0 } ?? true
  }

  /// The day of arrival, all that is kept of the time. [relay.30]
  package static func day(_ now: Int64) -> Int64 { now / 86_400 }

  /// The first day whose envelopes are still kept. [relay.28]
  package static func firstDay(_ now: Int64) -> Int64 { day(now) - RelayLimits.shelfDays }
}
