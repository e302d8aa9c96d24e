internal import CSodium

/// What deriving a key from a passphrase costs: the parameters of Argon2id (RFC 9106), stored beside the salt.
public struct PassphraseCost: Hashable, Sendable {
  /// Passes over the memory.
  public let operations: UInt32
  /// Memory in KiB.
  public let memory: UInt32

  public init(operations: UInt32, memory: UInt32) {
    self.operations = operations
    self.memory = memory
  }

  /// The second recommended option of RFC 9106 section 4: 64 MiB, three passes; some 0.2 s.
  public static let standard = PassphraseCost(operations: 3, memory: 64 * 1024)
  /// The least that the library accepts: for tests, where the passphrase protects nothing.
  public static let minimal = PassphraseCost(operations: 1, memory: 8)

  fileprivate var isAcceptable: Bool {
    let (least, most) = (Self.minimal, Self.greatest)
    return (least.operations...most.operations).contains(operations) && (least.memory...most.memory).contains(memory)
  }

  /// More than this is refused when it is read back: a planted file must not be able to exhaust the machine.
  public static let greatest = PassphraseCost(operations: 16, memory: 1024 * 1024)
}

extension SealingKey {
  /// The key that Argon2id derives from `passphrase` and a 16-byte `salt`, with one lane. [primitives.10]
  public init(passphrase: borrowing Secret, salt: [UInt8], cost: PassphraseCost) throws(CryptoError) {
    guard salt.count == 16 else { throw .wrongLength }
    guard cost.isAcceptable else { throw .outOfRange }
    let key = Secret(zeroed: 32)
    let status = unsafe crypto_pwhash(
      key.mutablePointer, 32, UnsafeRawPointer(passphrase.pointer).assumingMemoryBound(to: CChar.self),
      UInt64(passphrase.count), salt, UInt64(cost.operations), Int(cost.memory) * 1024, crypto_pwhash_alg_argon2id13())
    guard status == 0 else { throw .unavailable }
    self.init(key)
  }
}
