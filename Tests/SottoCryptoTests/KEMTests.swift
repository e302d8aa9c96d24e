import SottoCrypto
import SottoSimulation
import Testing

/// ML-KEM-1024 (FIPS 203).
@Suite struct KEMTests {
  /// NIST ACVP ML-KEM keyGen FIPS203 1.1.0.40, tcId 51: d, z.
  private static let seed = """
    2b5330c4f23bfdfd5c31f050ba3b38235324bf032372fc12d04dd08920f0bd59
    0a064d6c06ceab73e59cfca9ff6402255a326aef1e9cb678bf36929dafe29a58
    """

  /// The SHA-256 of the encapsulation key that ACVP expects for this seed.
  @Test func keyFromSeed() throws {
    let publicKey = try KEMPrivateKey(seed: secret(Self.seed)).publicKey
    #expect(sha256(publicKey.bytes) == hex("ed5f4d424848f7716874954c48d666a8c88e791320ed6779998d0452dccb8278"))
    #expect(try KEMPublicKey(publicKey.bytes) == publicKey)
  }

  /// A ciphertext of zeros is no encapsulation under any key, so FIPS 203 algorithm 18 answers with
  /// J(z || c) = SHAKE256(z || c, 32): recomputed with Python's hashlib.
  @Test func implicitRejectionOfZeros() throws {
    let shared = try KEMPrivateKey(seed: secret(Self.seed)).decapsulate([UInt8](repeating: 0, count: 1_568)).revealed()
    #expect(shared == hex("79b09e1fc460ea45a9893238e7f413ce3f20960211826394e4889c71642bc347"))
  }

  @Test func bothSidesAgreeAndAlteredCiphertextsDoNot() throws {
    var entropy = SeededEntropy(seed: 1)
    let key = try KEMPrivateKey(from: &entropy)
    let encapsulation = try key.publicKey.encapsulate()
    let ciphertext = encapsulation.ciphertext
    let sent = encapsulation.secret().revealed()
    let received = try key.decapsulate(ciphertext).revealed()
    #expect(sent == received && sent.count == 32 && ciphertext.count == KEMPublicKey.ciphertextCount)
    for index in [0, 1, 700, 1_408, 1_567] {
      var altered = ciphertext
      altered[index] ^= 1
      let (rejected, again) = (try key.decapsulate(altered).revealed(), try key.decapsulate(altered).revealed())
      // Another secret, and the same one each time: nothing tells the sender.
      #expect(rejected != sent && rejected == again)
    }
    let other = try KEMPrivateKey(from: &entropy).decapsulate(ciphertext).revealed()
    #expect(other != sent)
  }

  @Test func encapsulationsDiffer() throws {
    var entropy = SeededEntropy(seed: 2)
    let publicKey = try KEMPrivateKey(from: &entropy).publicKey
    let first = try publicKey.encapsulate()
    let second = try publicKey.encapsulate()
    let ciphertexts = (first.ciphertext, second.ciphertext)
    #expect(ciphertexts.0 != ciphertexts.1)
    let (one, two) = (first.secret().revealed(), second.secret().revealed())
    #expect(one != two)
  }

  /// FIPS 203 section 7.2: each of the 1,024 coefficients is below q = 3,329. [primitives.7]
  @Test func modulusOverflowIsRefused() throws {
    var entropy = SeededEntropy(seed: 3)
    let good = try KEMPrivateKey(from: &entropy).publicKey.bytes
    for (coefficient, value) in [(0, 3_329), (1, 3_329), (511, 4_095), (1_022, 3_330), (1_023, 3_329)] {
      var bytes = good
      Self.set(&bytes, coefficient, to: value)
      #expect(refusal { () throws(CryptoError) in try KEMPublicKey(bytes) } == .invalidKey, "\(coefficient)")
    }
    // The greatest value that is allowed.
    var bytes = good
    Self.set(&bytes, 1_023, to: 3_328)
    #expect(throws: Never.self) { try KEMPublicKey(bytes) }
  }

  /// Two coefficients of 12 bits stand in three bytes.
  private static func set(_ bytes: inout [UInt8], _ coefficient: Int, to value: Int) {
    let start = coefficient / 2 * 3
    if coefficient.isMultiple(of: 2) {
      bytes[start] = UInt8(value & 0xff)
      bytes[start + 1] = bytes[start + 1] & 0xf0 | UInt8(value >> 8)
    } else {
      bytes[start + 1] = bytes[start + 1] & 0x0f | UInt8(value & 0x0f) << 4
      bytes[start + 2] = UInt8(value >> 4)
    }
  }

  @Test(arguments: [0, 32, 63, 65, 1_567, 1_569, 3_168]) func otherLengthsAreRefused(count: Int) throws {
    let bytes = [UInt8](repeating: 0, count: count)
    let key = try KEMPrivateKey(seed: secret(Self.seed))
    #expect(refusal { () throws(CryptoError) in try KEMPublicKey(bytes) } == .wrongLength)
    #expect(refusal { () throws(CryptoError) in try KEMPrivateKey(seed: Secret(copying: bytes)) } == .wrongLength)
    #expect(refusal { () throws(CryptoError) in try key.decapsulate(bytes) } == .wrongLength)
  }
}
