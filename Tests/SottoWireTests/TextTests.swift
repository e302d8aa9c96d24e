import SottoCrypto
import SottoSimulation
import SottoWire
import Testing

@Suite struct HexTests {
  @Test func everyByteRoundTrips() {
    let bytes = [UInt8](0...255)
    let text = Hex.encode(bytes)
    #expect(text.hasPrefix("000102") && text.hasSuffix("fdfeff") && text.count == 512)
    #expect(Hex.decode(text) == bytes)
    #expect(Hex.encode([]).isEmpty && Hex.decode("") == [])
  }

  /// An odd number of digits, upper case, the characters beside the digits and letters, white space, a prefix, digits of
  /// another script. [encoding.6]
  @Test(arguments: [
    "0", "abc", "AB", "aB", "0g", "/0", ":0", "`0", "G0", " 00", "00 ", "0x00", "\u{0661}\u{0661}", "é",
  ])
  func anythingElseIsRefused(text: String) {
    #expect(Hex.decode(text) == nil)
  }
}

@Suite struct Base32Tests {
  /// RFC 4648 section 10, in lower case and without padding. [encoding.7]
  @Test(arguments: [
    ("", ""), ("f", "my"), ("fo", "mzxq"), ("foo", "mzxw6"), ("foob", "mzxw6yq"), ("fooba", "mzxw6ytb"),
    ("foobar", "mzxw6ytboi"),
  ])
  func figuresOfRFC4648(plain: String, encoded: String) {
    #expect(Base32.encode(Array(plain.utf8)) == encoded)
    #expect(Base32.decode(encoded) == Array(plain.utf8))
  }

  /// Upper case, padding, and characters outside the alphabet: 0, 1, 8 and 9 are not in it. [encoding.7]
  @Test(arguments: ["MY", "mY", "my======", "m0", "m1", "m8", "m9", "m ", "my\n", "mé", "m-"])
  func otherSpellingsAreRefused(text: String) {
    #expect(Base32.decode(text) == nil)
  }

  /// Lengths of 1, 3 and 6 characters modulo 8 leave five bits or more over. [encoding.7]
  @Test func lengthsThatNoBytesHaveAreRefused() {
    for length in 0...40 {
      let possible = ![1, 3, 6].contains(length % 8)
      #expect((Base32.decode(String(repeating: "a", count: length)) != nil) == possible, "\(length)")
    }
  }

  /// Every non-zero value of the spare bits: a second spelling of the same bytes. [encoding.7]
  @Test func spareBitsAreZero() {
    let alphabet = Array("abcdefghijklmnopqrstuvwxyz234567")
    for (prefix, spare) in [("m", 2), ("mzx", 4), ("mzxw", 1), ("mzxw6y", 3)] {
      for (value, character) in alphabet.enumerated() {
        let isCanonical = value % (1 << spare) == 0
        #expect((Base32.decode(prefix + String(character)) != nil) == isCanonical, "\(prefix)\(character)")
      }
    }
  }

  @Test(arguments: UInt64(0)..<100) func anyBytesRoundTrip(seed: UInt64) {
    var entropy = SeededEntropy(seed: seed)
    let bytes = entropy.bytes(entropy.next(below: 70))
    #expect(Base32.decode(Base32.encode(bytes)) == bytes)
    #expect(Base64.decode(Base64.encode(bytes)) == bytes)
    #expect(Hex.decode(Hex.encode(bytes)) == bytes)
  }
}

@Suite struct Base64Tests {
  /// RFC 4648 section 10. [encoding.8]
  @Test(arguments: [
    ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="),
    ("foobar", "Zm9vYmFy"),
  ])
  func figuresOfRFC4648(plain: String, encoded: String) {
    #expect(Base64.encode(Array(plain.utf8)) == encoded)
    #expect(Base64.decode(encoded) == Array(plain.utf8))
  }

  /// Missing, misplaced or too much padding, spare bits, the URL alphabet, white space. [encoding.8]
  @Test(arguments: [
    "Zg", "Zg=", "Zg===", "Z===", "====", "=Zg=", "Zg==Zg==", "Zh==", "Zm9=", "Zm-_", "Zm9v\n", " m9v", "Zm9é",
  ])
  func otherSpellingsAreRefused(text: String) {
    #expect(Base64.decode(text) == nil)
  }
}
