import Foundation
import SottoCrypto
import Testing

/// Public vectors that take too long for every day: `SOTTO_SOAK=1` runs all of them, without it their beginning is run.
@Suite struct LongVectorTests {
  private static let isSoak = ProcessInfo.processInfo.environment["SOTTO_SOAK"] == "1"

  /// FIPS 202's examples, without which the next test says nothing.
  @Test func theStreamIsShake() {
    var stream = Shake.bits128()
    #expect(stream.squeeze(16) == hex("7f9c2ba4e88f827d616045507605853e"))
    var abc = Shake.bits256()
    abc.absorb(Array("abc".utf8))
    #expect(abc.squeeze(8) == hex("483366601360a877"))
  }

  /// The inputs of C2SP CCTV's accumulated vectors: 10,000 times d, z, m and a random ciphertext from SHAKE-128 of nothing.
  ///
  /// Its own hash is out of reach: it is of the draft of FIPS 203, whose seeds yield other keys, and holds what no interface
  /// here gives, the expanded private key and an encapsulation of a given m. So what is accumulated is the encapsulation
  /// key and what the random ciphertext decapsulates to, and the expected hash was computed with OpenSSL 3.5 and Python's
  /// hashlib. A fresh encapsulation to each key must come back besides.
  @Test func accumulatedKeysAndRejections() throws {
    var stream = Shake.bits128()
    var outputs = Shake.bits128()
    let count = Self.isSoak ? 10_000 : 100
    for _ in 0..<count {
      let seed = stream.squeeze(64)
      _ = stream.squeeze(32)
      let ciphertext = stream.squeeze(KEMPublicKey.ciphertextCount)
      let key = try KEMPrivateKey(seed: Secret(copying: seed))
      let rejected = try key.decapsulate(ciphertext).revealed()
      // FIPS 203 algorithm 18: J(z || c).
      var expected = Shake.bits256()
      expected.absorb(Array(seed[32...]) + ciphertext)
      #expect(rejected == expected.squeeze(32))
      outputs.absorb(key.publicKey.bytes)
      outputs.absorb(rejected)
      let encapsulation = try key.publicKey.encapsulate()
      let received = try key.decapsulate(encapsulation.ciphertext).revealed()
      let sent = encapsulation.secret().revealed()
      #expect(received == sent)
    }
    let hash =
      Self.isSoak
      ? "0809efa21a606ed787cfbaaf673455a06d062069fe4919cd1011c0654e89da0f"
      : "628e6f4a1d0b4d12cfd243317657299353ad11063be25a796d70595f61e28a8b"
    #expect(outputs.squeeze(32) == hex(hash))
    print("LONG VECTORS ML-KEM-1024: \(count) keys and rejections")
  }

  /// RFC 7748 section 5.2: after 1,000 iterations, and after 1,000,000.
  @Test func iteratedAgreement() throws {
    var scalar = [9] + [UInt8](repeating: 0, count: 31)
    var point = scalar
    let count = Self.isSoak ? 1_000_000 : 1_000
    for _ in 0..<count {
      let key = try AgreementPrivateKey(Secret(copying: scalar))
      (point, scalar) = (scalar, try key.agree(with: AgreementPublicKey(point)).revealed())
    }
    let result =
      Self.isSoak
      ? "7c3911e0ab2586fd864497297e575e6f3bc601c0883c30df5f4dd2d24f665424"
      : "684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51"
    #expect(scalar == hex(result))
    print("LONG VECTORS X25519: \(count) iterations")
  }
}
