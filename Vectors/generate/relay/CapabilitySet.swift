import SottoCrypto
import SottoWire

@Sendable func capabilitySet(_: Recorded) throws -> VectorFile {
  let structure = RelayStructure(encode: \.encoded) { try SottoWire.CapabilitySet(decoding: $0) }
  func hash(_ number: Int) -> [UInt8] { Digest.of("capability", seq(number, 32)).bytes }
  func slot(_ kind: Int, _ hash: [UInt8], _ expires: UInt64 = 0) -> [UInt8] {
    wire { writer in
      writer.u8(UInt8(kind))
      writer.fixed(hash)
      writer.u64(expires)
    }
  }
  func set(_ slots: [UInt8]...) -> [UInt8] { wire { $0.vector(slots.flatMap { $0 }) } }
  func one(_ id: String, _ comment: String, _ slots: [CapabilitySlot], rule: String = "relay.14") throws -> Case {
    try structure.one(
      id, rule, comment,
      [
        "classes": .list(slots.map { "\($0.kind)" }), "hashes": .list(slots.map { Hex.encode($0.hash.bytes) }),
        "expires": .list(slots.map { String($0.expires ?? 0) }),
      ], try SottoWire.CapabilitySet(slots))
  }
  func digest(_ number: Int) throws -> Digest { try Digest(hash(number)) }
  let contact = slot(2, hash(0))
  return VectorFile(
    construction: "relay", operation: "capability-set", description: "The capabilities of a mailbox, a PUT's body",
    cases: [
      try one(
        "spec-example", "the contact capability in Specs/Relay.md",
        [CapabilitySlot(.contact, try Capability(RelayExample.capability).hash)]),
      try one("empty", "no capability: the mailbox is closed to senders", []),
      try one(
        "each-class", "one of each class",
        [
          CapabilitySlot(.knock, try digest(0)), CapabilitySlot(.contact, try digest(1)),
          CapabilitySlot(.retiring, try digest(2), expires: 1_700_604_800),
        ], rule: "relay.5"),
      try one(
        "same-class-twice", "classes in any order, and one twice",
        [
          CapabilitySlot(.retiring, try digest(0), expires: 1), CapabilitySlot(.contact, try digest(1)),
          CapabilitySlot(.contact, try digest(2)),
        ]),
      try one("sixteen", "as many as there may be", try (0..<16).map { CapabilitySlot(.contact, try digest($0)) }),
      try one(
        "greatest-expiry", "2^63 - 1; how far ahead it may be, the clock decides",
        [CapabilitySlot(.retiring, try digest(0), expires: greatest)], rule: "relay.6"),
      try structure.refused(
        "seventeen", "relay.14", "one more than there may be", set((0..<17).flatMap { slot(2, hash($0)) }),
        "out-of-range"),
      try structure.refused(
        "hash-twice", "relay.14", "one capability in two classes", set(slot(1, hash(0)), contact), "invalid-value"),
      try structure.refused("slot-twice", "relay.14", "one slot twice", set(contact, contact), "invalid-value"),
      try structure.refused("class-0", "relay.5", "no such class", set(slot(0, hash(0))), "invalid-value"),
      try structure.refused("class-4", "relay.5", "no such class", set(slot(4, hash(0))), "invalid-value"),
      try structure.refused(
        "knock-expires", "relay.14", "a knock capability that expires", set(slot(1, hash(0), 1)), "invalid-value"),
      try structure.refused(
        "contact-expires", "relay.14", "a contact capability that expires", set(slot(2, hash(0), 1)), "invalid-value"),
      try structure.refused(
        "retiring-for-ever", "relay.14", "a retiring capability that does not expire", set(slot(3, hash(0), 0)),
        "invalid-value"),
      try structure.refused(
        "expiry-2-63", "relay.6", "2^63", set(slot(3, hash(0), tooLarge)), "out-of-range"),
      try structure.refused("nothing", "encoding.1", "no bytes", [], "truncated"),
      try structure.refused("cut", "encoding.1", "the last byte is missing", set(contact).dropLast(), "truncated"),
      try structure.refused(
        "slot-cut", "encoding.1", "the slot ends after its list", wire { $0.vector(contact.dropLast()) }, "truncated"),
      try structure.refused("trailing", "encoding.2", "a byte more", set(contact) + [0], "trailing"),
      try structure.refused(
        "longer-length", "encoding.3", "the length has a shorter form", hex("4029") + contact, "non-minimal"),
    ])
}
