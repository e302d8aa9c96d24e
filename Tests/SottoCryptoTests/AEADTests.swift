import SottoCrypto
import SottoSimulation
import Testing

private let sunscreen = Array(
  "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it."
    .utf8)

@Suite struct AEADTests {
  private let key = "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f"
  private let ad = hex("50515253c0c1c2c3c4c5c6c7")

  /// RFC 8439 section 2.8.2.
  @Test func figureOfRFC8439() throws {
    let nonce = hex("070000004041424344454647")
    let expected = hex(
      """
      d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d63dbea45e8ca9671282fafb69da92728b
      1a71de0a9e060b2905d6a5b67ecd3b3692ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc
      3ff4def08e4b7a9de576d26586cec64b6116
      1ae10b594f09e26a7e902ecbd0600691
      """)
    let sealed = SingleUseKey(secret(key)).seal(sunscreen, ad: ad, nonce: nonce)
    #expect(sealed == expected)
    let opened = try SingleUseKey(secret(key)).open(sealed, ad: ad, nonce: nonce)
    #expect(opened == sunscreen)
  }

  /// draft-irtf-cfrg-xchacha-03 appendix A.3.1. [primitives.9]
  @Test func figureOfXChaChaDraft() throws {
    let nonce = hex("404142434445464748494a4b4c4d4e4f5051525354555657")
    let expected = hex(
      """
      bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb731c7f1b0b4aa6440bf3a82f4eda7e39
      ae64c6708c54c216cb96b72e1213b4522f8c9ba40db5d945b11b69b982c1bb9e3f3fac2bc369488f76b2383565d3fff9
      21f9664c97637da9768812f615c68b13b52e
      c0875924c1c7987947deafd8780acf49
      """)
    let sealingKey = SealingKey(secret(key))
    let sealed = sealingKey.seal(sunscreen, ad: ad, nonce: nonce)
    #expect(sealed == expected)
    let (opened, openedSecret) = (
      try sealingKey.open(nonce + sealed, ad: ad), try sealingKey.openSecret(nonce + sealed, ad: ad).revealed()
    )
    #expect(opened == sunscreen && openedSecret == sunscreen)
  }

  /// The nonce of a single-use key is twelve zero bytes. [primitives.8]
  @Test func singleUseMeansTheZeroNonce() {
    let sealed = SingleUseKey(secret(key)).seal([1, 2], ad: [])
    let explicit = SingleUseKey(secret(key)).seal([1, 2], ad: [], nonce: [UInt8](repeating: 0, count: 12))
    #expect(sealed == explicit)
  }

  @Test(arguments: [0, 1, 15, 16, 17, 64, 65, 1_024, 65_536]) func everyLengthRoundTrips(count: Int) throws {
    var entropy = SeededEntropy(seed: UInt64(count))
    let (plaintext, ad) = (entropy.bytes(count), entropy.bytes(count % 7))
    let once = SingleUseKey(secret(key)).seal(plaintext, ad: ad)
    #expect(once.count == count + SingleUseKey.overhead)
    let opened = try SingleUseKey(secret(key)).open(once, ad: ad)
    #expect(opened == plaintext)

    let sealingKey = SealingKey(secret(key))
    let many = sealingKey.seal(plaintext, ad: ad, from: &entropy)
    let ofSecret = sealingKey.seal(Secret(copying: plaintext), ad: ad, from: &entropy)
    #expect(many.count == count + SealingKey.overhead && ofSecret.count == many.count && ofSecret != many)
    let (first, second) = (try sealingKey.open(ofSecret, ad: ad), try sealingKey.openSecret(many, ad: ad).revealed())
    #expect(first == plaintext && second == plaintext)
  }

  @Test(arguments: [0, 3]) func everyFlippedBitIsRefused(count: Int) {
    var entropy = SeededEntropy(seed: 5)
    let plaintext = entropy.bytes(count)
    let once = SingleUseKey(secret(key)).seal(plaintext, ad: ad)
    for bit in 0..<once.count * 8 {
      var altered = once
      altered[bit / 8] ^= 1 << (bit % 8)
      let refused = refusal { () throws(CryptoError) in try SingleUseKey(secret(key)).open(altered, ad: ad) }
      #expect(refused == .notAuthentic, "bit \(bit)")
    }
    let sealingKey = SealingKey(secret(key))
    let many = sealingKey.seal(plaintext, ad: ad, from: &entropy)
    for bit in 0..<many.count * 8 {
      var altered = many
      altered[bit / 8] ^= 1 << (bit % 8)
      let refused = (
        refusal { () throws(CryptoError) in try sealingKey.open(altered, ad: ad) },
        refusal { () throws(CryptoError) in try sealingKey.openSecret(altered, ad: ad) }
      )
      #expect(refused == (.notAuthentic, .notAuthentic), "bit \(bit)")
    }
  }

  // [primitives.8] [primitives.9]
  @Test func otherKeyOtherDataAndOtherLengthsAreRefused() {
    var entropy = SeededEntropy(seed: 6)
    let once = SingleUseKey(secret(key)).seal([1, 2, 3], ad: ad)
    let sealingKey = SealingKey(secret(key))
    let many = sealingKey.seal([1, 2, 3], ad: ad, from: &entropy)
    for wrong in [[], Array(ad.dropLast()), ad + [0]] {
      #expect(
        refusal { () throws(CryptoError) in try SingleUseKey(secret(key)).open(once, ad: wrong) } == .notAuthentic)
      #expect(refusal { () throws(CryptoError) in try sealingKey.open(many, ad: wrong) } == .notAuthentic)
    }
    let other = SealingKey(Secret(count: 32, from: &entropy))
    #expect(refusal { () throws(CryptoError) in try other.open(many, ad: ad) } == .notAuthentic)
    let otherOnce = refusal { () throws(CryptoError) in
      try SingleUseKey(Secret(copying: [UInt8](repeating: 0, count: 32))).open(once, ad: ad)
    }
    #expect(otherOnce == .notAuthentic)
    // Every shorter and one longer input.
    for count in 0..<once.count {
      let refused = refusal { () throws(CryptoError) in
        try SingleUseKey(secret(key)).open(Array(once[..<count]), ad: ad)
      }
      #expect(refused == .notAuthentic)
    }
    for count in 0..<many.count {
      #expect(refusal { () throws(CryptoError) in try sealingKey.open(Array(many[..<count]), ad: ad) } == .notAuthentic)
      let secretly = refusal { () throws(CryptoError) in try sealingKey.openSecret(Array(many[..<count]), ad: ad) }
      #expect(secretly == .notAuthentic)
    }
    #expect(refusal { () throws(CryptoError) in try sealingKey.open(many + [0], ad: ad) } == .notAuthentic)
  }

  @Test func aStoredKeyOpensWhatItSealed() throws {
    var entropy = SeededEntropy(seed: 7)
    let original = SealingKey(Secret(count: 32, from: &entropy))
    let sealed = original.seal([1], ad: [], from: &entropy)
    let (copied, stored) = (
      try original.copy().open(sealed, ad: []), try SealingKey(original.bytes()).open(sealed, ad: [])
    )
    #expect(copied == [1] && stored == [1])
  }

  // What is opened in place must fit exactly: a byte more or less is refused before anything is written.
  @Test func roomThatDoesNotFitIsRefused() throws {
    let sealed = [UInt8](repeating: 0, count: 50)
    var keys = Derived()
    Secret(copying: [UInt8](repeating: 1, count: 32)).withSpan { PRF.derive($0, "test single use", into: &keys) }
    let key = SealingKey(Secret(copying: [UInt8](repeating: 2, count: 32)))
    for difference in [-1, 1] {
      var (once, often) = ([UInt8](repeating: 9, count: 34 + difference), [UInt8](repeating: 9, count: 10 + difference))
      let before = (once, often)
      var room = once.mutableSpan
      do throws(CryptoError) {
        try keys.openOnce(sealed.span, into: &room)
        Issue.record("it opened")
      } catch { #expect(error == .notAuthentic) }
      var other = often.mutableSpan
      do throws(CryptoError) {
        try key.open(sealed.span, ad: sealed.span, into: &other)
        Issue.record("it opened")
      } catch { #expect(error == .notAuthentic) }
      #expect(once == before.0 && often == before.1)
    }
  }

  // [primitives.8] In place it is the same function, and the key is gone afterwards.
  @Test func singleUseInPlace() throws {
    let plaintext = [UInt8](repeating: 7, count: 100)
    let secret = Secret(copying: [UInt8](repeating: 1, count: 32))
    var keys = Derived()
    func derive(_ keys: inout Derived) { secret.withSpan { PRF.derive($0, "test single use", into: &keys) } }
    func isSpent(_ keys: borrowing Derived) -> Bool {
      !keys.isReady && keys.a().revealed() == [UInt8](repeating: 0, count: 32)
    }

    derive(&keys)
    var message = plaintext + [UInt8](repeating: 0, count: 16)
    let expected = SingleUseKey(keys.a()).seal(plaintext, ad: [])
    var target = message.mutableSpan
    keys.sealOnce(&target)
    var spent = isSpent(keys)
    #expect(message == expected && spent)

    derive(&keys)
    var opened = [UInt8](repeating: 1, count: 100)
    var room = opened.mutableSpan
    try keys.openOnce(message.span, into: &room)
    spent = isSpent(keys)
    #expect(opened == plaintext && spent)

    message[115] ^= 1
    derive(&keys)
    var refused = [UInt8](repeating: 1, count: 100)
    var other = refused.mutableSpan
    do throws(CryptoError) {
      try keys.openOnce(message.span, into: &other)
      Issue.record("it opened")
    } catch { #expect(error == .notAuthentic) }
    spent = isSpent(keys)
    #expect(refused == [UInt8](repeating: 0, count: 100) && spent)
  }
}
