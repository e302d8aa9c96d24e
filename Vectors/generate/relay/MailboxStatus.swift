import SottoWire

@Sendable func mailboxStatus(_: Recorded) throws -> VectorFile {
  let structure = RelayStructure(encode: \.encoded) { try SottoWire.MailboxStatus(decoding: $0) }
  func one(
    _ id: String, _ comment: String, signedPart: UInt64?, _ numbers: [UInt64], _ classes: [CapabilityClass]
  ) throws -> Case {
    let status = SottoWire.MailboxStatus(
      sequence: numbers[0], restoreEpoch: numbers[1], signedPart: signedPart, oneTimeParts: UInt32(numbers[2]),
      lastResortClaims: numbers[3], envelopes: UInt32(numbers[4]), envelopeBytes: numbers[5], capabilities: classes)
    let part: Named = signedPart.map { ["signed_part": .number(Int($0))] } ?? [:]
    return try structure.one(
      id, "relay.13", comment,
      ["sequence": .number(Int(numbers[0])), "restore_epoch": .number(Int(numbers[1]))] + part + [
        "one_time_parts": .number(Int(numbers[2])), "last_resort_claims": .number(Int(numbers[3])),
        "envelopes": .number(Int(numbers[4])), "envelope_bytes": .number(Int(numbers[5])),
        "classes": .list(classes.map { "\($0)" }),
      ], status)
  }
  /// A status of ones and two classes with one thing changed.
  func status(
    sequence: UInt64 = 1, epoch: UInt64 = 1, presence: UInt8 = 1, part: UInt64? = 1, claims: UInt64 = 1,
    bytes: UInt64 = 1, classes: [UInt8] = [1, 2]
  ) -> [UInt8] {
    wire { writer in
      writer.u64(sequence)
      writer.u64(epoch)
      writer.u8(presence)
      if let part { writer.u64(part) }
      writer.u32(1)
      writer.u64(claims)
      writer.u32(1)
      writer.u64(bytes)
      writer.vector(classes)
    }
  }
  func tooLargeCase(_ id: String, _ comment: String, _ bytes: [UInt8]) throws -> Case {
    try structure.refused(id, "relay.6", comment, bytes, "out-of-range")
  }
  func classes(_ id: String, _ rule: String, _ comment: String, _ classes: [UInt8], _ reason: String) throws -> Case {
    try structure.refused(id, rule, comment, status(classes: classes), reason)
  }
  let greatestStatus = wire { writer in
    for number in [greatest, greatest] { writer.u64(number) }
    writer.u8(1)
    writer.u64(greatest)
    writer.u32(.max)
    writer.u64(greatest)
    writer.u32(.max)
    writer.u64(greatest)
    writer.vector([3])
  }
  return VectorFile(
    construction: "relay", operation: "mailbox-status", description: "What the owner of a mailbox is told about it",
    cases: [
      try one(
        "spec-example", "the status in Specs/Relay.md", signedPart: 3, [1_700_000_000_000, 1, 2, 1, 4, 2048],
        [.knock, .contact]),
      try one("new", "a mailbox with nothing in it", signedPart: nil, [1, 1, 0, 0, 0, 0], []),
      try one("part-0", "the id 0 is an id", signedPart: 0, [1, 1, 0, 0, 0, 0], [.contact]),
      try one(
        "class-twice", "a class for each capability", signedPart: nil, [1, 1, 0, 0, 0, 0],
        [.contact, .retiring, .retiring]),
      try one(
        "sixteen-classes", "as many as there may be", signedPart: nil, [1, 1, 0, 0, 0, 0],
        [CapabilityClass](repeating: .retiring, count: 16)),
      try structure.accepted("greatest", "relay.6", "the greatest numbers: 2^63 - 1 and 2^32 - 1", greatestStatus),
      try tooLargeCase("sequence-2-63", "2^63", status(sequence: tooLarge)),
      try tooLargeCase("epoch-2-63", "2^63", status(epoch: tooLarge)),
      try tooLargeCase("part-2-63", "2^63", status(part: tooLarge)),
      try tooLargeCase("claims-2-63", "2^63", status(claims: tooLarge)),
      try tooLargeCase("bytes-2-63", "2^63", status(bytes: tooLarge)),
      try structure.refused(
        "presence-2", "encoding.11", "neither absent nor present", status(presence: 2), "invalid-value"),
      try classes("class-0", "relay.5", "no such class", [0, 1], "invalid-value"),
      try classes("class-4", "relay.5", "no such class", [1, 4], "invalid-value"),
      try classes("descending", "relay.13", "classes that do not ascend", [2, 1], "invalid-value"),
      try classes(
        "seventeen-classes", "relay.13", "more than there may be", [UInt8](repeating: 3, count: 17), "out-of-range"),
      try structure.refused("nothing", "encoding.1", "no bytes", [], "truncated"),
      try structure.refused("cut", "encoding.1", "the last byte is missing", status().dropLast(), "truncated"),
      try structure.refused("trailing", "encoding.2", "a byte more", status() + [0], "trailing"),
      try structure.refused(
        "longer-length", "encoding.3", "the length has a shorter form", status().dropLast(3) + hex("40020102"),
        "non-minimal"),
    ])
}
