import SottoCrypto
import SottoSimulation
import Testing

/// The order of Ed25519's group, little-endian: 2^252 + 27742317777372353535851937790883648493.
private let groupOrder = hex("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010")

/// Ed25519 (RFC 8032).
@Suite struct SignatureTests {
  struct Figure: Sendable {
    let seed, publicKey, message, signature: String
  }

  /// RFC 8032 section 7.1, TEST 1 to 3.
  static let figures = [
    Figure(
      seed: "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
      publicKey: "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", message: "",
      signature: """
        e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46b
        d25bf5f0595bbe24655141438e7a100b
        """),
    Figure(
      seed: "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
      publicKey: "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", message: "72",
      signature: """
        92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c
        387b2eaeb4302aeeb00d291612bb0c00
        """),
    Figure(
      seed: "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
      publicKey: "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", message: "af82",
      signature: """
        6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc659
        4a7c15e9716ed28dc027beceea1ec40a
        """),
  ]

  @Test(arguments: figures) func figuresOfRFC8032(figure: Figure) throws {
    let key = try SigningKey(seed: secret(figure.seed))
    let (publicKey, signature) = (key.publicKey, key.sign(hex(figure.message)))
    #expect(publicKey.bytes == hex(figure.publicKey))
    #expect(signature == hex(figure.signature))
    #expect(publicKey.verify(signature, over: hex(figure.message)))
    #expect(!publicKey.verify(signature, over: hex(figure.message) + [0]))
  }

  @Test func everyFlippedBitIsRefused() throws {
    let figure = Self.figures[2]
    let (signature, message) = (hex(figure.signature), hex(figure.message))
    let publicKey = try VerifyingKey(hex(figure.publicKey))
    for bit in 0..<512 {
      var altered = signature
      altered[bit / 8] ^= 1 << (bit % 8)
      #expect(!publicKey.verify(altered, over: message), "bit \(bit)")
    }
    for bit in 0..<256 {
      var altered = publicKey.bytes
      altered[bit / 8] ^= 1 << (bit % 8)
      #expect(try !VerifyingKey(altered).verify(signature, over: message), "key bit \(bit)")
    }
  }

  /// S + L verifies under a sloppy verifier and would be a second name for one signature (CVE-2024-45192).
  /// [primitives.5]
  @Test func malleatedScalarsAreRefused() throws {
    for figure in Self.figures {
      var signature = hex(figure.signature)
      var carry = 0
      for index in 0..<32 {
        carry += Int(signature[32 + index]) + Int(groupOrder[index])
        signature[32 + index] = UInt8(carry & 0xff)
        carry >>= 8
      }
      #expect(carry == 0)
      #expect(try !VerifyingKey(hex(figure.publicKey)).verify(signature, over: hex(figure.message)))
    }
  }

  /// Points of small order in every encoding, canonical or not. With one of them as A and as R, and S = 0, the
  /// equation holds for every message or for every eighth. [primitives.5]
  @Test(arguments: [
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    // Second encodings: x = 0 with the sign bit, y = p, y = p + 1, y = p - 1 with the sign bit.
    "0100000000000000000000000000000000000000000000000000000000000080",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
  ]) func smallOrderKeysSignNothing(point: String) throws {
    let identity = [1] + [UInt8](repeating: 0, count: 31)
    let zero = [UInt8](repeating: 0, count: 32)
    let key = try VerifyingKey(hex(point))
    for message in UInt8(0)..<32 {
      #expect(!key.verify(hex(point) + zero, over: [message]))
      #expect(!key.verify(identity + zero, over: [message]))
    }
  }

  @Test(arguments: [0, 1, 31, 33, 63, 65, 128]) func otherLengthsAreRefused(count: Int) throws {
    let bytes = [UInt8](repeating: 0, count: count)
    #expect(refusal { () throws(CryptoError) in try VerifyingKey(bytes) } == .wrongLength)
    #expect(refusal { () throws(CryptoError) in try SigningKey(seed: Secret(copying: bytes)) } == .wrongLength)
    #expect(try !VerifyingKey(hex(Self.figures[0].publicKey)).verify(bytes, over: []))
  }
}

/// Ed25519 and ML-DSA-65 together.
@Suite struct HybridSignatureTests {
  private static func key(_ seed: UInt64) throws -> HybridSigningKey {
    var entropy = SeededEntropy(seed: seed)
    return try HybridSigningKey(from: &entropy)
  }

  @Test func signaturesVerifyUnderTheirLabelAndPayloadOnly() throws {
    let key = try Self.key(1)
    let publicKey = key.publicKey
    let signature = try key.sign("test list", [1, 2, 3])
    #expect(publicKey.verify(signature, "test list", over: [1, 2, 3]))
    #expect(try publicKey.verify(HybridSignature(signature.bytes), "test list", over: [1, 2, 3]))
    #expect(!publicKey.verify(signature, "test part", over: [1, 2, 3]))
    #expect(!publicKey.verify(signature, "test list", over: [1, 2, 4]))
    #expect(!publicKey.verify(signature, "test list", over: []))
    #expect(try !Self.key(2).publicKey.verify(signature, "test list", over: [1, 2, 3]))
    let empty = try key.sign("test list", [])
    #expect(publicKey.verify(empty, "test list", over: []))
  }

  // [primitives.6]
  @Test func halfASignatureIsNone() throws {
    let key = try Self.key(3)
    let publicKey = key.publicKey
    let good = try key.sign("test", [7]).bytes
    let other = try key.sign("test", [8]).bytes
    let (classical, postQuantum) = (Array(good[..<64]), Array(good[64...]))
    for half in [classical, postQuantum, [], good + [0], Array(good.dropLast())] {
      #expect(refusal { () throws(CryptoError) in try HybridSignature(half) } == .wrongLength)
    }
    // One half genuine, the other zero, or of another message: neither half carries the signature alone.
    for forged in [
      classical + [UInt8](repeating: 0, count: 3_309), [UInt8](repeating: 0, count: 64) + postQuantum,
      classical + other[64...], other[..<64] + postQuantum,
    ] {
      #expect(try !publicKey.verify(HybridSignature(forged), "test", over: [7]))
    }
    for index in [0, 31, 32, 63, 64, 65, 2_000, good.count - 1] {
      var altered = good
      altered[index] ^= 1
      #expect(try !publicKey.verify(HybridSignature(altered), "test", over: [7]), "byte \(index)")
    }
  }

  /// The signer's hash stands in the message, so a half cannot be taken over into another pair of keys. [primitives.6]
  @Test func halvesCannotBeExchanged() throws {
    let one = try Self.key(4)
    let two = try Self.key(5)
    let (first, second) = (one.publicKey, two.publicKey)
    let mixed = HybridPublicKey(classical: first.classical, postQuantum: second.postQuantum)
    let spliced = try one.sign("test", [1]).classical + two.sign("test", [1]).postQuantum
    #expect(try !mixed.verify(HybridSignature(spliced), "test", over: [1]))
    #expect(mixed.signer != first.signer && mixed.signer != second.signer)
  }

  @Test func seedsAreTheKey() throws {
    let seeds = Secret(copying: Array(0..<64))
    let key = try HybridSigningKey(seeds: seeds)
    let (stored, publicKey) = (key.seeds().revealed(), key.publicKey)
    #expect(stored == Array(0..<64))
    #expect(try publicKey == HybridSigningKey(seeds: Secret(copying: stored)).publicKey)
    #expect(publicKey.signer == .of("signer", publicKey.classical.bytes, publicKey.postQuantum.bytes))
  }

  /// Wycheproof mldsa_65_sign_seed_test.json, first group: the SHA-256 of the public key that its seed yields.
  @Test func postQuantumKeyFromSeed() throws {
    let key = try MLDSAPrivateKey(seed: Secret(copying: [UInt8](repeating: 0x2a, count: 32)))
    let publicKey = key.publicKey
    #expect(sha256(publicKey.bytes) == hex("b7acce2ddb11f8cc1aa46e2bafac6eacfa2b732ef192bd636ad8d3a56d649c66"))
    let signature = try key.sign([1])
    #expect(publicKey.verify(signature, over: [1], context: Array("Sotto/1".utf8)))
    // The context is part of what is signed: no other protocol's signature is ours.
    #expect(!publicKey.verify(signature, over: [1], context: []))
    #expect(!publicKey.verify(signature, over: [1], context: Array("Sotto/2".utf8)))
  }

  @Test(arguments: [0, 31, 63, 65]) func otherLengthsAreRefused(count: Int) {
    let bytes = [UInt8](repeating: 1, count: count)
    #expect(refusal { () throws(CryptoError) in try HybridSigningKey(seeds: Secret(copying: bytes)) } == .wrongLength)
    #expect(refusal { () throws(CryptoError) in try MLDSAPrivateKey(seed: Secret(copying: bytes)) } == .wrongLength)
    #expect(refusal { () throws(CryptoError) in try MLDSAPublicKey(bytes) } == .wrongLength)
  }

  @Test(arguments: [1_951, 1_953]) func keysOneByteOffAreRefused(count: Int) {
    let bytes = [UInt8](repeating: 1, count: count)
    #expect(refusal { () throws(CryptoError) in try MLDSAPublicKey(bytes) } == .wrongLength)
  }
}
