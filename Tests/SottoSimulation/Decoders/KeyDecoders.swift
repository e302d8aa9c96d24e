import SottoCrypto
import SottoSession
import SottoWire

extension Decoder {
  /// Keys, signatures, ciphertexts and ids: which bytes are one is said here a second time, in another way.
  static let keys = Decoder(
    "keys", limit: 4096,
    oneOf: [
      { try agreement($0) },
      { try kemKey($0) },
      { try kemCiphertext($0) },
      { try signatures($0) },
      { try sealed($0) },
      { try passphrase($0) },
      { try ids($0) },
    ])

  private static func agreement(_ bytes: [UInt8]) throws -> Bool {
    let p: [UInt8] = [0x7f] + [UInt8](repeating: 0xff, count: 30) + [0xed]
    let isCanonical = bytes.count == 32 && bytes.reversed().lexicographicallyPrecedes(p)
    let key = try? AgreementPublicKey(bytes)
    try promise((key != nil) == isCanonical && (key == nil || key?.bytes == bytes), "which X25519 keys are canonical")
    guard let key else { return false }
    if let shared = try? ownKey.secret.agree(with: key).revealed() {
      try promise(shared.contains { $0 != 0 }, "an agreement of zeros")
    }
    return true
  }

  /// FIPS 203 section 7.2: 1,024 coefficients of 12 bits below 3,329, then 32 bytes.
  private static func kemKey(_ bytes: [UInt8]) throws -> Bool {
    let isReduced = stride(from: 0, to: min(bytes.count, 1536) - 2, by: 3).allSatisfy { at in
      let (low, middle, high) = (Int(bytes[at]), Int(bytes[at + 1]), Int(bytes[at + 2]))
      return low | (middle & 15) << 8 < 3329 && middle >> 4 | high << 4 < 3329
    }
    let key = try? KEMPublicKey(bytes)
    try promise((key != nil) == (bytes.count == 1568 && isReduced), "which encapsulation keys are valid")
    if let key { try promise(key.bytes == bytes, "another encapsulation key") }
    return key != nil
  }

  private static func kemCiphertext(_ bytes: [UInt8]) throws -> Bool {
    let secrets = (0..<2).map { _ in try? ownKEMKey.secret.decapsulate(bytes).revealed() }
    try promise(
      secrets[0] == secrets[1] && (secrets[0] != nil) == (bytes.count == 1568), "which ciphertexts are opened")
    return secrets[0] != nil
  }

  private static func signatures(_ bytes: [UInt8]) throws -> Bool {
    let key = try? VerifyingKey(Array(bytes.prefix(32)))
    let rest = Array(bytes.dropFirst(32))
    // libsodium refuses the keys of small order, with which anybody could.
    if let key { try promise(!key.verify(Array(rest.prefix(64)), over: rest), "a forged signature") }
    try promise((try? HybridSignature(bytes))?.bytes ?? bytes == bytes, "a hybrid signature changes")
    try promise(((try? HybridSignature(bytes)) != nil) == (bytes.count == HybridSignature.count), "its length")
    if let postQuantum = try? MLDSAPublicKey(Array(bytes.prefix(MLDSAPublicKey.count))) {
      let forged = postQuantum.verify(rest, over: rest, context: [])
      try promise(!forged, "a forged ML-DSA signature")
    }
    return bytes.count == HybridSignature.count
  }

  private static func sealed(_ bytes: [UInt8]) throws -> Bool {
    let key = SealingKey(Secret(copying: [UInt8](repeating: 5, count: 32)))
    let single = try? SingleUseKey(Secret(copying: [UInt8](repeating: 5, count: 32))).open(bytes, ad: [])
    let many = try? key.open(bytes, ad: [])
    let secret = try? key.openSecret(bytes, ad: []).revealed()
    try promise(single == nil && many == nil && secret == nil, "a forged seal")
    var entropy = FixedEntropy([UInt8](repeating: 4, count: 24))
    try promise((try? key.open(key.seal(bytes, ad: bytes, from: &entropy), ad: bytes)) == bytes, "a seal is not opened")
    return true
  }

  /// A cost that was read back: what is not sane is refused before anything is spent.
  private static func passphrase(_ bytes: [UInt8]) throws -> Bool {
    var reader = WireReader(bytes)
    guard let operations = try? reader.u32(), let memory = try? reader.u32() else { return false }
    let (least, most) = (PassphraseCost.minimal, PassphraseCost.greatest)
    let isSane = least.operations...most.operations ~= operations && least.memory...most.memory ~= memory
    guard !isSane || (operations == least.operations && memory == least.memory) else { return false }
    let salt = reader.rest()
    let key = try? SealingKey(
      passphrase: Secret(copying: []), salt: salt, cost: PassphraseCost(operations: operations, memory: memory))
    let isThere = key != nil
    try promise(isThere == (isSane && salt.count == 16), "which costs and salts are taken")
    return isThere
  }

  private static func ids(_ bytes: [UInt8]) throws -> Bool {
    func fixed<T>(_ count: Int, _ decode: ([UInt8]) throws -> T, _ encode: (T) -> [UInt8]) throws -> Bool {
      let value = try promiseOneSpelling(bytes, decode, encode)
      try promise((value != nil) == (bytes.count == count), "\(T.self) has another length")
      return value != nil
    }
    return try [
      fixed(32, { try Digest($0) }, \.bytes), fixed(32, { try VerifyingKey($0) }, \.bytes),
      fixed(32, { try Capability($0) }, \.bytes), fixed(16, { try MailboxID($0) }, \.bytes),
      fixed(16, { try CardID($0) }, \.bytes), fixed(16, { try EnvelopeID($0) }, \.bytes),
      fixed(16, { try BlobID($0) }, \.bytes), fixed(16, { try MessageID($0) }, \.bytes),
      fixed(16, { try ContactSecret($0) }, \.bytes), fixed(8, { try DeviceID($0) }, \.bytes),
      fixed(24, { try StreamHeader($0) }, \.bytes),
    ].contains(true)
  }

  private final class Own<Key: ~Copyable & Sendable>: Sendable {
    let secret: Key
    init(_ secret: consuming Key) { self.secret = secret }
  }

  private static let ownKey = Own(try! AgreementPrivateKey(Secret(copying: [UInt8](repeating: 1, count: 32))))
  private static let ownKEMKey = Own(try! KEMPrivateKey(seed: Secret(copying: [UInt8](repeating: 2, count: 64))))
}
