package import SottoWire

/// A mailbox without its envelopes, prekeys and capabilities: the row that every rule about it reads and writes.
package struct MailboxState: Equatable, Sendable {
  /// What waits in one of the two quotas.
  package struct Usage: Equatable, Sendable {
    package var count: Int
    package var bytes: Int

    package init(count: Int = 0, bytes: Int = 0) {
      self.count = count
      self.bytes = bytes
    }
  }

  package var head: OwnerHead
  /// The index of the next envelope; the first is 1. Never reused. [stream.4]
  package var nextIndex: UInt64 = 1
  /// Sent by contacts, with a contact or retiring capability.
  package var contact = Usage()
  /// Sent by strangers.
  package var knock = Usage()
  /// The id of the signed part.
  package var signedPart: UInt64?
  /// The greatest batch that was ever uploaded.
  package var greatestBatch: UInt64?
  /// Claims since the last signed part that found no one-time part.
  package var lastResortClaims: UInt64 = 0

  package init(head: OwnerHead) { self.head = head }

  /// Takes an envelope in: its index, or why not. [relay.27]
  package mutating func accept(_ size: Int, as kind: CapabilityClass) throws(Refusal) -> UInt64 {
    var usage = usage(of: kind)
    let limits =
      kind == .knock
      ? (RelayLimits.knockEnvelopes, RelayLimits.knockBytes) : (RelayLimits.contactEnvelopes, RelayLimits.contactBytes)
    guard usage.count < limits.0, usage.bytes + size <= limits.1 else { throw Refusal(.mailboxFull) }
    usage.count += 1
    usage.bytes += size
    set(usage, of: kind)
    defer { nextIndex += 1 }
    return nextIndex
  }

  /// Takes account of envelopes that were acknowledged or have expired.
  package mutating func release(_ gone: Usage, of kind: CapabilityClass) {
    var usage = usage(of: kind)
    usage.count -= gone.count
    usage.bytes -= gone.bytes
    set(usage, of: kind)
  }

  private func usage(of kind: CapabilityClass) -> Usage { kind == .knock ? knock : contact }

  private mutating func set(_ usage: Usage, of kind: CapabilityClass) {
    if kind == .knock { knock = usage } else { contact = usage }
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
  package static func isOpen(expires: UInt64?, now: Int64) -> Bool {
    expires.map { UInt64(clamping: now) <= $0 } ?? true
  }

  /// The day of arrival, all that is kept of the time. [relay.30]
  package static func day(_ now: Int64) -> Int64 { now / 86_400 }

  /// The first day whose envelopes are still kept. [relay.28]
  package static func firstDay(_ now: Int64) -> Int64 { day(now) - RelayLimits.shelfDays }
}
