import SottoCrypto
import SottoSimulation
import Testing

@Suite struct AgreementTests {
  private func agreed(_ scalar: String, _ point: String) throws(CryptoError) -> [UInt8] {
    try AgreementPrivateKey(secret(scalar)).agree(with: AgreementPublicKey(hex(point))).revealed()
  }

  /// RFC 7748 section 5.2, first vector.
  @Test func firstVectorOfRFC7748() throws {
    let result = try agreed(
      "a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
      "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c")
    #expect(result == hex("c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552"))
  }

  /// RFC 7748 section 5.2, second vector: its u coordinate has the top bit set, which an X25519 function masks and a
  /// canonical key must not have. [primitives.3]
  @Test func secondVectorOfRFC7748IsRefusedWhenDecoded() throws {
    let scalar = "4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d"
    let point = "e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493"
    #expect(refusal { () throws(CryptoError) in try AgreementPublicKey(hex(point)) } == .invalidKey)
    // With that bit masked by hand it is the figure of the RFC, so nothing else was wrong with it.
    let masked = point.dropLast(2) + "13"
    let result = try agreed(scalar, String(masked))
    #expect(result == hex("95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957"))
  }

  /// RFC 7748 section 5.2, the iterated test after 1 and 1,000 rounds.
  @Test func thousandIterationsOfRFC7748() throws {
    var scalar = [9] + [UInt8](repeating: 0, count: 31)
    var point = scalar
    for round in 1...1_000 {
      let result = try AgreementPrivateKey(Secret(copying: scalar)).agree(with: AgreementPublicKey(point)).revealed()
      (point, scalar) = (scalar, result)
      if round == 1 {
        #expect(scalar == hex("422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079"))
      }
    }
    #expect(scalar == hex("684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51"))
  }

  /// RFC 7748 section 6.1.
  @Test func bothSidesOfRFC7748Agree() throws {
    let alice = try AgreementPrivateKey(secret("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a"))
    let bob = try AgreementPrivateKey(secret("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb"))
    let (alicePublic, bobPublic) = (alice.publicKey, bob.publicKey)
    #expect(alicePublic.bytes == hex("8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a"))
    #expect(bobPublic.bytes == hex("de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f"))
    let (fromAlice, fromBob) = (
      try alice.agree(with: bobPublic).revealed(), try bob.agree(with: alicePublic).revealed()
    )
    #expect(fromAlice == hex("4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742"))
    #expect(fromBob == fromAlice)
  }

  @Test func aPublicKeyIsTheSameWheneverItIsComputed() throws {
    var entropy = SeededEntropy(seed: 2)
    let key = AgreementPrivateKey(from: &entropy)
    var stored = try AgreementPrivateKey(deferringPublicKey: key.secret.copy())
    let (expected, before) = (key.publicKey, stored.publicKey)
    stored.rememberPublicKey()
    let (after, copied) = (stored.publicKey, stored.copy().publicKey)
    #expect(before == expected && after == expected && copied == expected)
    #expect(throws: CryptoError.wrongLength) {
      _ = try AgreementPrivateKey(deferringPublicKey: Secret(copying: [UInt8](repeating: 1, count: 31)))
    }
  }

  @Test func aCopyAgreesLikeItsOriginal() throws {
    var entropy = SeededEntropy(seed: 1)
    let key = AgreementPrivateKey(from: &entropy)
    let peer = AgreementPrivateKey(from: &entropy).publicKey
    let copy = key.copy()
    let (publicKeys, secrets) = (
      [key.publicKey, copy.publicKey], [try key.agree(with: peer).revealed(), try copy.agree(with: peer).revealed()]
    )
    #expect(publicKeys[0] == publicKeys[1])
    #expect(secrets[0] == secrets[1])
  }

  /// The five canonical encodings of points of small order: 0, 1, two of order 8, and p - 1.
  static let lowOrder = [
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  ]

  // [primitives.4]
  @Test(arguments: lowOrder) func lowOrderIsRefusedAtUse(point: String) throws {
    var entropy = SeededEntropy(seed: 2)
    let key = AgreementPrivateKey(from: &entropy)
    let publicKey = try AgreementPublicKey(hex(point))
    #expect(refusal { () throws(CryptoError) in try key.agree(with: publicKey) } == .lowOrder)
  }

  /// All nineteen values from p = 2^255 - 19 to 2^255 - 1: second names for 0...18. [primitives.3]
  @Test func everyUnreducedEncodingIsRefusedWhenDecoded() throws {
    for last in UInt8(0xed)...0xff {
      let bytes = [last] + [UInt8](repeating: 0xff, count: 30) + [0x7f]
      #expect(refusal { () throws(CryptoError) in try AgreementPublicKey(bytes) } == .invalidKey)
    }
    // The neighbours are keys: p - 1, and values that differ from p's range in one higher byte.
    for index in 1...30 {
      var bytes = [0xed] + [UInt8](repeating: 0xff, count: 30) + [0x7f]
      bytes[index] = 0xfe
      #expect(throws: Never.self) { try AgreementPublicKey(bytes) }
    }
    #expect(throws: Never.self) { try AgreementPublicKey(hex(Self.lowOrder[4])) }
    #expect(throws: Never.self) { try AgreementPublicKey([0xff] + [UInt8](repeating: 0xff, count: 30) + [0x7e]) }
  }

  // [primitives.3]
  @Test func aSetTopBitIsRefusedWhenDecoded() throws {
    var entropy = SeededEntropy(seed: 3)
    for point in Self.lowOrder.map(hex) + (0..<20).map({ _ in AgreementPrivateKey(from: &entropy).publicKey.bytes }) {
      var bytes = point
      bytes[31] |= 0x80
      #expect(refusal { () throws(CryptoError) in try AgreementPublicKey(bytes) } == .invalidKey)
    }
  }

  @Test(arguments: [0, 1, 31, 33, 64]) func otherLengthsAreRefused(count: Int) {
    let bytes = [UInt8](repeating: 1, count: count)
    #expect(refusal { () throws(CryptoError) in try AgreementPublicKey(bytes) } == .wrongLength)
    #expect(refusal { () throws(CryptoError) in try AgreementPrivateKey(Secret(copying: bytes)) } == .wrongLength)
  }
}
