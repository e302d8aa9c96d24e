import SottoCrypto

@Sendable func ed25519Verify(_: Recorded) throws -> VectorFile {
  let (message, signature) = (ed25519Figures[2].message, ed25519Figures[2].signature)
  let publicKey = try ed25519Figures[2].publicKey()
  func input(_ publicKey: [UInt8], _ message: [UInt8], _ signature: [UInt8]) -> Named {
    ["public": .bytes(publicKey), "message": .bytes(message), "signature": .bytes(signature)]
  }
  func refused(
    _ id: String, _ comment: String, public key: [UInt8]? = nil, message other: [UInt8]? = nil,
    signature altered: [UInt8]? = nil, at stage: String = "signature"
  ) -> Case {
    Case(
      id, "primitives.5", comment, input(key ?? publicKey, other ?? message, altered ?? signature), refusedAt: stage)
  }
  let identity = [1] + [UInt8](repeating: 0, count: 31)
  let zero = [UInt8](repeating: 0, count: 32)
  let smallOrder = [
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
  ]
  // Second names of such points: y = p, p + 1, and x = 0 with the sign bit.
  let notCanonical = [
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0100000000000000000000000000000000000000000000000000000000000080",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
  ]
  var cases = [
    Case("good", "primitives.5", "RFC 8032 section 7.1, TEST 3", input(publicKey, message, signature), output: [:]),
    refused("other-message", "one bit of the message", message: message.flipped(0)),
    refused("longer-message", "a byte more", message: message + [0]),
    refused("altered-r", "one bit of R", signature: signature.flipped(0)),
    refused("altered-s", "one bit of S", signature: signature.flipped(32)),
    refused("s-plus-l", "S + L, the same scalar: a second name for one signature", signature: plusOrder(signature)),
    refused("other-key", "one bit of the key", public: publicKey.flipped(0)),
    refused("short-signature", "63 bytes", signature: Array(signature.dropLast())),
    refused("long-signature", "65 bytes", signature: signature + [0]),
    refused("no-signature", "no bytes", signature: []),
    refused("short-key", "31 bytes", public: Array(publicKey.dropLast()), at: "encoding"),
    refused("long-key", "33 bytes", public: publicKey + [0], at: "encoding"),
  ]
  for (index, point) in smallOrder.enumerated() {
    cases.append(
      refused(
        "small-order-a-\(index)",
        "A has small order; with R the identity and S = 0 the equation holds for many messages",
        public: hex(point), signature: identity + zero))
  }
  for (index, point) in notCanonical.enumerated() {
    cases.append(
      refused("not-canonical-a-\(index)", "A is not canonical", public: hex(point), signature: identity + zero))
  }
  cases.append(refused("small-order-r", "R is the identity", signature: identity + signature[32...]))
  for figure in ed25519Figures where figure.message != message {
    cases.append(
      Case(
        figure.id, "primitives.5", figure.comment,
        input(try figure.publicKey(), figure.message, figure.signature), output: [:]))
  }
  if let figure = ed25519Figures.last {
    let other = String(decoding: figure.message, as: UTF8.self).replacing("/foo", with: "/fop")
    cases.append(
      refused(
        "rfc9421-b.2.6-other-path", "the same signature over another path", public: try figure.publicKey(),
        message: Array(other.utf8), signature: figure.signature))
  }
  return VectorFile(
    construction: "primitives", operation: "ed25519-verify",
    description: "Ed25519 verification; a case with an empty output must be accepted", cases: cases)
}

/// S + L, little-endian, with L the order of the group.
func plusOrder(_ signature: [UInt8]) -> [UInt8] {
  let order = hex("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010")
  var (result, carry) = (signature, 0)
  for index in 0..<32 {
    carry += Int(signature[32 + index]) + Int(order[index])
    result[32 + index] = UInt8(carry & 0xff)
    carry >>= 8
  }
  return result
}
