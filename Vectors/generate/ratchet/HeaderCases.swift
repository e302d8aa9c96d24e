import SottoCrypto
import SottoSession

@Sendable func header(_ recorded: Recorded) throws -> VectorFile {
  let example = try CraftedMessage(of: try Talk(recorded).initiator).with { $0.nonce = seq(0x40, 24) }
  let key = HeaderKey(Secret(copying: example.headerKey))
  let sid = try Digest(example.sid)
  let context: Named = ["header_key": .bytes(example.headerKey), "sid": .bytes(example.sid)]
  let sealed = example.message.header

  func numbers(_ previousCount: UInt32, _ number: UInt32) -> Named {
    [
      "ratchet_key": .bytes(example.key), "previous_count": .number(Int(previousCount)),
      "number": .number(Int(number)),
    ]
  }
  func seals(_ id: String, _ comment: String, _ previousCount: UInt32, _ number: UInt32) throws -> Case {
    let header = RatchetHeader(
      key: try AgreementPublicKey(example.key), previousCount: previousCount, number: number)
    var entropy = FixedEntropy(example.nonce)
    return Case(
      id, "ratchet.5", comment, context + ["nonce": .bytes(example.nonce)] + numbers(previousCount, number),
      output: ["header": .bytes(key.seal(header, sid: sid, from: &entropy))])
  }
  func refused(
    _ id: String, _ rule: String, _ comment: String, _ header: [UInt8], key other: [UInt8]? = nil,
    sid otherSID: [UInt8]? = nil
  ) throws -> Case {
    let (key, sid) = (other ?? example.headerKey, otherSID ?? example.sid)
    guard HeaderKey(Secret(copying: key)).open(header, sid: try Digest(sid)) == nil else {
      throw WrongVerdict(description: "\(id): opened")
    }
    return Case(
      id, rule, comment, ["header_key": .bytes(key), "sid": .bytes(sid), "header": .bytes(header)],
      refusedAt: "header")
  }
  /// A header with a key that is none, sealed as it should be.
  func naming(_ key: [UInt8]) -> [UInt8] { example.with { $0.key = key }.message.header }
  let notReduced = [0xed] + [UInt8](repeating: 0xff, count: 30) + [0x7f]

  return VectorFile(
    construction: "ratchet", operation: "header", description: "The sealed header of one message",
    cases: [
      try seals("example", "the example of Specs/Ratchet.md", 0, 0),
      try seals("numbers", "PN before N, big-endian", 0x0102_0304, 0x0506_0708),
      Case(
        "example-opened", "ratchet.5", "the example, opened", context + ["header": .bytes(sealed)],
        output: numbers(0, 0)),
      try refused("nonce", "ratchet.13", "one bit of the nonce", sealed.flipped(0)),
      try refused("ciphertext", "ratchet.13", "one bit of the ciphertext", sealed.flipped(24)),
      try refused("tag", "ratchet.13", "one bit of the tag", sealed.flipped(79)),
      try refused("other-key", "ratchet.13", "the header key of another chain", sealed, key: seq(0x01, 32)),
      try refused("other-session", "ratchet.13", "the sid of another session", sealed, sid: seq(0x01, 32)),
      try refused(
        "key-with-top-bit", "ratchet.5", "a ratchet key with the top bit set",
        naming(example.key.dropLast() + [example.key[31] | 0x80])),
      try refused("key-not-reduced", "ratchet.5", "a ratchet key of 2^255 - 19", naming(notReduced)),
    ])
}
