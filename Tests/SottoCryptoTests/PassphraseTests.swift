import SottoCrypto
import Testing

@Suite struct PassphraseTests {
  private let salt = [UInt8](0..<16)

  private func key(_ passphrase: String, _ cost: PassphraseCost) throws(CryptoError) -> [UInt8] {
    try SealingKey(passphrase: Secret(copying: Array(passphrase.utf8)), salt: salt, cost: cost).bytes().revealed()
  }

  /// Recomputed with the reference implementation (argon2-cffi, one lane): RFC 9106's own figure has four lanes, a
  /// secret and associated data, none of which libsodium takes. [primitives.10]
  @Test func figuresOfTheReferenceImplementation() throws {
    let standard = try key("correct horse battery staple", .standard)
    #expect(standard == hex("0d1a3c6523c8f06e4e0af9c515aa5b5448cfebd6838f2d52c3d8b6ef8ddc3c2e"))
    let minimal = try key("correct horse battery staple", .minimal)
    #expect(minimal == hex("d17ea6341ca93da6079ea2f64dc4aa31dd1aaf9caa67fb42ac4afd0714706f26"))
    let empty = try key("", PassphraseCost(operations: 2, memory: 16))
    #expect(empty == hex("f151faaf77a121a92ba9c25514b792f6a1c4eef11c8fcc3920bd383d3d766541"))
  }

  /// A planted file must not be able to exhaust the machine, nor to make guessing free.
  @Test(arguments: [
    PassphraseCost(operations: 0, memory: 8), PassphraseCost(operations: 1, memory: 7),
    PassphraseCost(operations: 1, memory: 0), PassphraseCost(operations: 17, memory: 8),
    PassphraseCost(operations: 1, memory: 1024 * 1024 + 1), PassphraseCost(operations: .max, memory: .max),
  ]) func costsOutsideTheRangeAreRefused(cost: PassphraseCost) {
    #expect(refusal { () throws(CryptoError) in try key("x", cost) } == .outOfRange)
  }

  @Test(arguments: [0, 15, 17]) func saltsOfOtherLengthsAreRefused(count: Int) {
    let refused = refusal { () throws(CryptoError) in
      try SealingKey(passphrase: Secret(copying: [1]), salt: [UInt8](repeating: 0, count: count), cost: .minimal)
    }
    #expect(refused == .wrongLength)
  }
}
