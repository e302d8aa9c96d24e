import SottoCrypto

@Sendable func x25519(_: Recorded) throws -> VectorFile {
  func one(_ id: String, _ comment: String, _ scalar: String, _ point: String) throws -> Case {
    let key = try AgreementPrivateKey(Secret(copying: hex(scalar)))
    let shared = try key.agree(with: AgreementPublicKey(hex(point))).revealed()
    let own = key.publicKey.bytes
    return Case(
      id, "primitives.4", comment, ["private": .text(scalar), "public": .text(point)],
      output: ["own_public": .bytes(own), "shared": .bytes(shared)])
  }
  let alice = "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a"
  let bob = "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb"
  func refused(_ id: String, _ rule: String, _ comment: String, _ point: [UInt8], _ stage: String) -> Case {
    Case(id, rule, comment, ["private": .text(alice), "public": .bytes(point)], refusedAt: stage)
  }
  func unreduced(_ last: UInt8) -> [UInt8] { [last] + [UInt8](repeating: 0xff, count: 30) + [0x7f] }
  let lowOrder = [
    ("0", "0000000000000000000000000000000000000000000000000000000000000000"),
    ("1", "0100000000000000000000000000000000000000000000000000000000000000"),
    ("a point of order 8", "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"),
    ("another point of order 8", "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"),
    ("p - 1", "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
  ]
  var cases = [
    try one(
      "rfc7748-5.2-1", "RFC 7748 section 5.2, first vector",
      "a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
      "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c"),
    Case(
      "rfc7748-5.2-2", "primitives.3",
      "RFC 7748 section 5.2, second vector: the top bit of the public key is set, so it is no key here",
      [
        "private": "4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d",
        "public": "e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493",
      ], refusedAt: "encoding"),
    try one(
      "rfc7748-5.2-2-masked", "the same without that bit",
      "4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d",
      "e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a413"),
    try one(
      "rfc7748-6.1-alice", "RFC 7748 section 6.1, Alice", alice,
      "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f"),
    try one(
      "rfc7748-6.1-bob", "RFC 7748 section 6.1, Bob", bob,
      "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a"),
  ]
  for (index, (name, point)) in lowOrder.enumerated() {
    cases.append(refused("low-order-\(index)", "primitives.4", "\(name): the result is all zero", hex(point), "key"))
  }
  for offset in UInt8(0)..<19 {
    cases.append(
      refused("unreduced-\(offset)", "primitives.3", "p + \(offset)", unreduced(0xed + offset), "encoding"))
  }
  var topBit = hex("8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a")
  topBit[31] |= 0x80
  cases += [
    refused("top-bit", "primitives.3", "a good key with the top bit set", topBit, "encoding"),
    refused("all-ones", "primitives.3", "32 bytes of 0xff", [UInt8](repeating: 0xff, count: 32), "encoding"),
    refused("short", "primitives.3", "31 bytes", seq(1, 31), "encoding"),
    refused("long", "primitives.3", "33 bytes", seq(1, 33), "encoding"),
    refused("empty", "primitives.3", "no bytes", [], "encoding"),
  ]
  return VectorFile(
    construction: "primitives", operation: "x25519",
    description: "DH(private, public), and the private key's own public key",
    cases: cases)
}
