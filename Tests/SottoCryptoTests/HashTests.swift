import SottoCrypto
import SottoSimulation
import Testing

@Suite struct HashTests {
  /// RFC 7693 appendix A.
  @Test func figureOfRFC7693() {
    let digest = blake2b(Array("abc".utf8), key: Secret(copying: []), count: 64)
    #expect(
      digest
        == hex(
          """
          ba80a53f981c4d0d6a2797b69f12f6e94c212f14685ac4b74b12bb6fdbffa2d1
          7d87c5392aab792dc252d5de4533cc9518d38aa8dbf1925ab92386edd4009923
          """))
    let short = blake2b(Array("abc".utf8), key: Secret(copying: []), count: 32)
    #expect(short == hex("bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319"))
  }

  /// BLAKE2 reference package, testvectors/blake2b-kat.txt: key 00..3f, first and last input.
  @Test func keyedFiguresOfTheReferencePackage() {
    let key = Secret(copying: Array(0..<64))
    let (empty, full) = (blake2b([], key: key, count: 64), blake2b(Array(0..<255), key: key, count: 64))
    #expect(
      empty
        == hex(
          """
          10ebb67700b1868efb4417987acf4690ae9d972fb7a590c2f02871799aaa4786
          b5e996e8f0f4eb981fc214b005f42d2ff4233499391653df7aefcbc13fc51568
          """))
    #expect(
      full
        == hex(
          """
          142709d62e28fcccd0af97fad0f8465b971e82201dc51070faa0372aa43e9248
          4be1c1e73ba10906d5d1853db6a4106e0a7bf9800d373d6dee2d46d62ef2a461
          """))
  }

  /// H, recomputed with Python's hashlib from the definition in Specs/Primitives.md. [primitives.1]
  @Test func hashOfLabelAndParts() {
    #expect(Digest.of("example").bytes == hex("cf3f2679b829e6291d717fd9d832af99715ca0078fb8cf694f3762537c1a0733"))
    #expect(
      Digest.of("example", [], Array("abc".utf8)).bytes
        == hex("476686ee0dccbc4a4a52443cb9d6069ff128c35291fb52dc5561c6b33d350a70"))
    // Lengths of two and of four bytes.
    #expect(
      Digest.of("example", [UInt8](repeating: 0, count: 64), [UInt8](repeating: 0, count: 16_384)).bytes
        == hex("f8bb46d1b13c8a01683e5237040fefaa6f05e7089c270b9d948798cea9525d43"))
  }

  /// P, recomputed with Python's hashlib. [primitives.2]
  @Test func prfOfKeyLabelAndParts() {
    let key = Secret(copying: Array(0..<32))
    let expected = hex(
      """
      6e7b115420d99aa6ed5c4916de123195d37952c6e28f8790cc2b1856844ddc03
      901b1d759192b4e2445f31320306c683cebfa47e8c708e013ed4c0b814a1a755
      """)
    let output = PRF.derive(key, "example", Array("abc".utf8))
    let (a, b) = (output.a().revealed(), output.b().revealed())
    #expect(a + b == expected)
    // Public and secret parts are absorbed alike.
    let secretly = PRF(key: key, label: "example").absorbing(Secret(copying: Array("abc".utf8))).finish()
    let same = secretly.a().revealed() + secretly.b().revealed()
    #expect(same == expected)
    let bare = PRF(key: key, label: "example").finish().a().revealed()
    #expect(bare == hex("e1829c3688fd8e57c93e4de6522b2af1b836443d5a5119e8e9480e3d423277ff"))
  }

  /// Everything hashed carries its length, so no two lists of parts are one byte string.
  @Test func partsCannotFlowIntoEachOther() {
    let inputs: [[[UInt8]]] = [
      [], [[]], [[], []], [[1, 2]], [[1], [2]], [[], [1, 2]], [[1, 2], []], [[2, 1, 2]],
    ]
    var digests = Set<[UInt8]>()
    for parts in inputs {
      var prf = PRF(key: Secret(copying: Array(0..<32)), label: "example")
      for part in parts { prf = prf.absorbing(part) }
      digests.insert(prf.finish().a().revealed())
    }
    #expect(digests.count == inputs.count)
    #expect(Digest.of("ab", [99]) != Digest.of("abc"))
  }

  // [primitives.11]
  @Test func labelsAreEncodedWithPrefixAndLength() {
    let label: Label = "card id"
    #expect(label.encoded == [15] + Array("Sotto/1 card id".utf8))
    // The longest that fits one length byte, and a single character.
    let longest: Label = "0123456789012345678901234567890123456789012345678901234"
    #expect(longest.encoded.count == 64 && longest.encoded[0] == 63)
    let single: Label = "x"
    #expect(single.encoded == [9] + Array("Sotto/1 x".utf8))
  }

  // [primitives.2] In the caller's memory it is the same function.
  @Test func thePRFInPlace() {
    let key = Secret(copying: [UInt8](repeating: 1, count: 32))
    let (first, second) = ([UInt8](repeating: 2, count: 32), [UInt8](repeating: 3, count: 80))
    var output = Derived()
    key.withSpan { PRF.derive($0, "test in place", first.span, second.span, into: &output) }
    let parts = (output.both().revealed(), PRF.derive(key, "test in place", first, second).both().revealed())
    #expect(parts.0 == parts.1)
    key.withSpan { PRF.derive($0, "test in place", into: &output) }
    let step = PRF.derive(key, "test in place")
    let none = (output.both().revealed(), step.both().revealed())
    #expect(none.0 == none.1)
    output.step("test step")
    let next = (output.both().revealed(), PRF.derive(step.a(), "test step").both().revealed())
    #expect(next.0 == next.1)
    let second32 = output.b().revealed()
    let same = output.bIsEqual(to: second32.span)
    let other = output.bIsEqual(to: first.span)
    let wrongLength = output.bIsEqual(to: second.span)
    #expect(same && !other && !wrongLength)
  }

  @Test(arguments: [
    (0, "00"), (63, "3f"), (64, "4040"), (16_383, "7fff"), (16_384, "80004000"), ((1 << 30) - 1, "bfffffff"),
    (1 << 30, "c000000040000000"), ((1 << 62) - 1, "ffffffffffffffff"),
  ]) func lengthsAreMinimal(count: Int, encoded: String) {
    #expect(lengthPrefix(count) == hex(encoded))
  }

  /// FIPS 180-4 examples, and the empty message.
  @Test func figuresOfSHA256() {
    #expect(sha256([]) == hex("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"))
    #expect(sha256(Array("abc".utf8)) == hex("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"))
    #expect(
      sha256(Array("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq".utf8))
        == hex("248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"))
  }

  @Test(arguments: [0, 31, 33]) func digestsHave32Bytes(count: Int) {
    #expect(refusal { () throws(CryptoError) in try Digest([UInt8](repeating: 0, count: count)) } == .wrongLength)
    #expect(Digest.zero.bytes == [UInt8](repeating: 0, count: 32))
  }
}
