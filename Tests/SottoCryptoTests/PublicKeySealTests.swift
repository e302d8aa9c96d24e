import SottoCrypto
import Testing

/// [primitives.15]
@Suite struct PublicKeySealTests {
  /// RFC 9180 appendix A.2.1.1, sequence number 0.
  @Test func opensWhatTheSpecificationSealed() throws {
    let key = try AgreementPrivateKey(secret("8057991eef8f1f1af18f4a9491d16a1ce333f695d4db8e38da75975c4478e0fb"))
    let sealed = hex(
      "1afa08d3dec047a643885163f1180476fa7ddb54c6a8029ea33f95796bf2ac4a"
        + "1c5250d8034ec2b784ba2cfd69dbdb8af406cfe3ff938e131f0def8c8b60b4db21993c62ce81883d2dd1b51a28")
    let opened = try PublicKeySeal.open(
      sealed, with: key, info: Array("Ode on a Grecian Urn".utf8), authenticating: Array("Count-0".utf8))
    #expect(opened == Array("Beauty is truth, truth beauty".utf8))
  }

  /// What another implementation sealed: RFC 9420 section 5.1.3, cipher suite 3, which is the same one.
  @Test func opensWhatAnotherSealed() throws {
    let key = try AgreementPrivateKey(secret("9d122ad4638fcb301b6eb5f4073414afb44bb34d37b4ddee9975b2941d700edb"))
    let sealed = hex(
      "f26e9e5a94396a90f85a5f72eedf3dacfb1b7f4164e0573edeb9c6c912e1cb49"
        + "40dd09ad4c5dc29d373f814bf054c9359cb75a468bc4d2c8bbcffb072a73105c4d9416ebd4fafeb62e59a9dea55da3cd")
    let info =
      [24] + Array("MLS 1.0 EncryptWithLabel".utf8) + [32]
      + hex("0d6a5cf9ee88b1f8c79d8512477d9bfc5496c207c8173f8dcac0368b4dba7407")
    let opened = try PublicKeySeal.open(sealed, with: key, info: info, authenticating: [])
    #expect(opened == hex("1dd4c1904996ce7d42cee7de68881459fa7a345da59a02040ade37103505baf6"))
  }

  @Test func onlyTheHolderOpensAndOnlyWhatIsWhole() throws {
    var entropy = SystemEntropy()
    let mine = AgreementPrivateKey(from: &entropy)
    let other = AgreementPrivateKey(from: &entropy)
    let sealed = try PublicKeySeal.seal([1, 2, 3], to: mine.publicKey, as: "example")
    #expect(sealed.count == 3 + PublicKeySeal.overhead)
    #expect(try PublicKeySeal.open(sealed, with: mine, as: "example") == [1, 2, 3])
    #expect(try PublicKeySeal.seal([1, 2, 3], to: mine.publicKey, as: "example") != sealed)
    #expect(throws: CryptoError.notAuthentic) { try PublicKeySeal.open(sealed, with: other, as: "example") }
    #expect(throws: CryptoError.notAuthentic) { try PublicKeySeal.open(sealed, with: mine, as: "another") }
    for index in sealed.indices {
      var changed = sealed
      changed[index] ^= 1
      #expect(throws: CryptoError.notAuthentic) { try PublicKeySeal.open(changed, with: mine, as: "example") }
      #expect(throws: CryptoError.notAuthentic) {
        try PublicKeySeal.open(Array(sealed[..<index]), with: mine, as: "example")
      }
    }
    #expect(throws: CryptoError.notAuthentic) { try PublicKeySeal.open(sealed + [0], with: mine, as: "example") }
  }

  /// A key of small order would make the seal one that anybody opens.
  @Test func aKeyOfSmallOrderIsRefused() throws {
    let zero = try AgreementPublicKey([UInt8](repeating: 0, count: 32))
    #expect(throws: CryptoError.lowOrder) { try PublicKeySeal.seal([1], to: zero, as: "example") }
    // What somebody sealed who has no key at all: the agreement is zero for whoever opens it. One byte, 1.
    let mine = try AgreementPrivateKey(secret(String(repeating: "07", count: 32)))
    for sealed in [
      """
      0000000000000000000000000000000000000000000000000000000000000000 57a0b678e6f52e4ce93204e57a55234e6d
      """,
      """
      0100000000000000000000000000000000000000000000000000000000000000 64ae06533599df2bf464764b3ec7e65618
      """,
      """
      e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800 8ea0d3640228898efdc80c1e2bd7d0e5dd
      """,
    ] {
      #expect(throws: CryptoError.notAuthentic) { try PublicKeySeal.open(hex(sealed), with: mine, as: "example") }
    }
  }
}
