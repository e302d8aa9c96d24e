package import SottoCrypto
package import SottoWire

/// A capability that opens a mailbox.
package struct Door: Sendable {
  package let hash: DigestNumbers
  package let kind: CapabilityClass
  /// Unix seconds; nil: never.
  package let expires: Int64?

  package init(hash: Digest, kind: CapabilityClass, expires: Int64?) {
    self.hash = DigestNumbers(hash)
    self.kind = kind
    self.expires = expires
  }

  package init(_ slot: CapabilitySlot) {
    self.init(hash: slot.hash, kind: slot.kind, expires: slot.expires.map(Int64.init))
  }

  /// Of a mailbox that is not there: nothing opens them, and it takes as long to find out as with the usual ones.
  /// [relay.24]
  package static let ofNobody = CapabilityClass.allCases.map { Door(hash: .zero, kind: $0, expires: 0) }
}

extension [Door] {
  /// What the capability with this hash may do; nil when it opens nothing, now. [relay.25]
  package func kind(_ hash: DigestNumbers, now: Int64) -> CapabilityClass? {
    first { $0.hash == hash && MailboxRules.isOpen(expires: $0.expires, now: now) }?.kind
  }
}
