import SottoCrypto
import Testing

/// [primitives.16]
@Suite struct BlindRSATests {
  /// RFC 9578, test vector 2 of the issuance protocol 2.
  enum Specification {
    static let pem = """
      -----BEGIN PRIVATE KEY-----
      MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQDLGu1rapX1sc4B
      Okz8qyW5Sy5kojA05CUKfqtDwN86jBKZOvErERkI1LRxvsMdS2ya2c3akGEqLukD
      Uj5t5aIk1rAvCeXDdNDP4B2PUpxQCnii9nkI+mgrWitDDIHq8a9y17XnlPyYoxOS
      doeXV85FO1Ju+b9s65mXm4QjuQ9EYaIq83qrDPVzP3WXq+RNMccy22ihgcbLvmB9
      jA5S4GVf2ZltxYTsoL6Hr7zXijN9F7Hbqegou9geKRMXFE5/+J9VYZcJsJbLuepH
      TOrSZMIHP+SXQMAfAOEJEGBmmD0h5fg/CG4ugjyHnNQ873ANKjUqm6vWEtA8rQLb
      E0t+IlpfAgMBAAECggEALzCbdzi1jPd58MkV+CLfyfSQ2+rfHnrfrFeP/VcDxrui
      2p1aSXJYibe6ES+Mb/MFUdlHPgALw1xQ4Werf6c6DCshllxLWSV8GsBsvc8o6GP2
      cY6owpBDwcbahGKUkP0Ekb9S0XLJWcGSG5aUnHJXR7inx4cZlfoLnrEQe6hUxsMq
      b0dHxdHDBMdGfVWwgKojOjpS/98mEUy7VB/6a2lreglvjc/2nKCKtY77D7dTqlGF
      xzABaWu86MCZ4/Q13Lv+BefbqtI9sqZZwjrdUhQH8VCxry2QVMQWQinWhAt6MqT4
      SBSTrolZzwrqje8MPJ91uaNMdXGLcHLI26sXzv7KSQKBgQDvcwsPUUvA9Z2ZX9X5
      mIxMTBNdEFzVbUPuKKA1yWn1UMDNcUjqh+ze/7k3yFxkh0QF31bq60eL90GISiAO
      5KOWM9EKo+xAQ2baK1MfOY1G+8jzBXUpBs94k53S88yXmK6nydgv70BJ8Zh5fkUq
      W20oSbhkhjRdSzH2kRGirg+USwKBgQDZJMnry2Exa/3Eq7PbosxAPMiYnk5JAPSG
      y2z0Z7TUb+uHQO/+xPM7nC0uyLIMD9laTMHwn6s7/LbGoEP1WRgpoYH/B14k/Rn6
      fuwRN62Io9tc9+ACLtUB7vtGay3+gRwYtSC2b5ed8lIiegtTkea0h0uDSRxAtVs3
      n5kya2Q9vQKBgFJuFzOZt+tgYnWnQUEgW8P0OIJEHME4UTdOcwCxKrHRr93JjuF2
      E3wdKoTii7PrwOYIoaJThpjPcJbbdbfKy+nsQp1YGv9wdJrMaVwJcvIpwV6v1Upf
      VtLadm1lklvpqs6GNM8jnM0Xx3ajmmnfeW9yGXE5phMrzLJl9F09cI2LAoGBANXv
      ugVXrp2bsT1okd6uSaBsgpJjPewNRd3cZK9z0aSP1DTA1PNkpeQwHg/+6fSaVOHz
      yAxDs9h5RrbxRaNfsT+rAUH7x1SYDVVQYVMhURbToZe6G/jqnTC3fNfHV1xtZfot
      0loMHgwep6+SIMCoee2ZctuZV32lcIaf9rbHOc7dAoGAeQ8k8SILNG6DOA31TE5P
      m01AJIYw7AlR3uo/RNaC+xYdPU3TskuALxxiDR/WsLEQBCjkFWmmJAWnQUDtbnYN
      ScwR8G2J6FnrECtbtys73WAVGooFZncmPLP8lxLyblSBDELyaZv/bAsPlMO9bD5c
      J+NSBaa+oiLl1wmCa5MCflc=
      -----END PRIVATE KEY-----
      """
    static let publicKey = hex(
      "30820152303d06092a864886f70d01010a3030a00d300b0609608648016503040202a11a301806092a864886f70d0101"
        + "08300b0609608648016503040202a2030201300382010f003082010a0282010100cb1aed6b6a95f5b1ce013a4cfcab25"
        + "b94b2e64a23034e4250a7eab43c0df3a8c12993af12b111908d4b471bec31d4b6c9ad9cdda90612a2ee903523e6de5a2"
        + "24d6b02f09e5c374d0cfe01d8f529c500a78a2f67908fa682b5a2b430c81eaf1af72d7b5e794fc98a3139276879757ce"
        + "453b526ef9bf6ceb99979b8423b90f4461a22af37aab0cf5733f7597abe44d31c732db68a181c6cbbe607d8c0e52e065"
        + "5fd9996dc584eca0be87afbcd78a337d17b1dba9e828bbd81e291317144e7ff89f55619709b096cbb9ea474cead264c2"
        + "073fe49740c01f00e109106066983d21e5f83f086e2e823c879cd43cef700d2a352a9babd612d03cad02db134b7e225a"
        + "5f0203010001")
    static let blinded = hex(
      "92d26a271c0104657ba10c0b5cb2827bb209d86e80027f96bfb861e0f40cb897f0fc426498433141ce9bc8b4a95914fe"
        + "fe4e40bdd3802a121cb0b59a4ae7e03255275c4abf071d991c82ead402606c0ef912178b0a0f68d303e06a9660792305"
        + "92827b84979dbcb5f21ab8904e9908638ddf705c4f8af8a053c19a66090726b60c6b4063976e4c66eab33522dd3f9d64"
        + "828441db4aa82d55adcc3d3920592884cd1e5a3f490d5c81f1306705dcc5c61d82373f1dbd7d2ae4b2fea0f7339f5d86"
        + "8415f59312766e3074ee4a7305f5f053da82673ee6747a727a26d8d10ea1b1a3491d26b0c38b962c02a774ac78932153"
        + "aae9dcc98a9b1db1f5389644682f7727")
    static let blindSignature = hex(
      "113a5124c1aef6fc230d9fc42b789226f45ca941aad4da3f48cf37c7744a8d7fd1dcfd71cd39d09e9324760180ea0bad"
        + "e3360efaf7322a1fa15f41247be3857fde8c5c92ec6d67a7ee33be8fdadf8b27bb0db706117448e55bce9927cb6bfb1f"
        + "87f9edb054181a4558af0c0d3973d7033b9599e674c20cf08a7bbcf0da815a2edaab7c4fb80dee4ea2cc53576a9691e8"
        + "57da931c6c592d2c69dd21afda8ea653dd90157adfe80e2375c08e75beb497df8b7b73192fbbd4e80359d9bbaecea14e"
        + "0acebdda92596f71ec1d57e26b6497b3152976bc07a4409148cb84389eb207fb8e841106012408c6e19b4f964008b6a9"
        + "09aaab767a661a061c97da1643040455")
    /// What is signed, and the signature.
    static let token = hex(
      "000298c1345ff38a554b429b428b0f206cfe4f3892f8041995f2c24873d90e84488d11e15c91a7c2ad02abd666458023"
        + "73db1d823bea80f08d452541fb2b62b5898bca572f8982a9ca248a3056186322d93ca147266121ddeb5632c07f1f71cd"
        + "27083350a206c5e9b7c0898f97611ce0bb8d74d310bb194ab67e094e32ff6da90886924b1b9e7b569402c1101d896d2f"
        + "c3a7371ef77f02310db1dc9f81c8535828c2d0e9d9051720d182cd54e1c2c3bf417da2fc7aa72bb70ccc834ef274a2e8"
        + "09c9821b3d395d6535423f7428b3f29175d6eb840b4b7685336e57e2b6afeaabc0c17ea4f557e8a9cc2f624e245c6ccd"
        + "7cbdd6c32c97c5c6974e802f688e2d25f0aba4215f609f692244517d5d3407e0172273982c001c158f5fcbe1b5d2447c"
        + "26a87e89f5a9e72b498b0c59ce749823d2cf253d3cf6cd4e64fa0e434d95e488789247a9ceed756ff4ff33a8d2402c0d"
        + "b381236d331092838b608a42002552092897")
  }

  @Test func signsAndVerifiesAsTheSpecification() throws {
    let key = try BlindSigningKey(pem: Specification.pem)
    #expect(key.publicKey.encoded == Specification.publicKey)
    #expect(try key.sign(Specification.blinded) == Specification.blindSignature)
    let (message, signature) = (Array(Specification.token[..<98]), Array(Specification.token[98...]))
    #expect(key.publicKey.verify(signature, over: message))
    #expect(key.publicKey.id == Array(message[66...]))
    for place in [0, 1, 97] {
      var other = message
      other[place] ^= 1
      #expect(!key.publicKey.verify(signature, over: other))
    }
    for place in [0, 255] {
      var other = signature
      other[place] ^= 1
      #expect(!key.publicKey.verify(other, over: message))
    }
    #expect(!key.publicKey.verify(Array(signature.dropLast()), over: message))
    #expect(!key.publicKey.verify(signature + [0], over: message))
    // The same signature as another number of the same class.
    #expect(!key.publicKey.verify([], over: message))
  }

  @Test func whatIsBlindedIsNotSeenAndComesBackSigned() throws {
    let key = try BlindSigningKey()
    let saved = key.encoded
    let again = try BlindSigningKey(saved)
    #expect(again.publicKey == key.publicKey)
    let message = [UInt8](repeating: 7, count: 98)
    let (first, second) = (try key.publicKey.blind(message), try key.publicKey.blind(message))
    #expect(first.bytes.count == 256)
    #expect(first.bytes != second.bytes)
    let signature = try first.finalize(again.sign(first.bytes))
    #expect(key.publicKey.verify(signature, over: message))
    // What was signed for another, by another key, or not at all.
    let blind = try key.sign(first.bytes)
    #expect(throws: CryptoError.notAuthentic) { try second.finalize(blind) }
    // The modulus of another key may be below the number that it is asked to sign, which it refuses then.
    var foreign: [UInt8]?
    while foreign == nil { foreign = try? BlindSigningKey().sign(first.bytes) }
    let signedByAnother = try #require(foreign)
    #expect(throws: CryptoError.notAuthentic) { try first.finalize(signedByAnother) }
    #expect(throws: CryptoError.notAuthentic) { try first.finalize([UInt8](repeating: 0, count: 256)) }
    #expect(throws: CryptoError.notAuthentic) { try first.finalize([]) }
  }

  @Test func onlyOneEncodingIsAKey() throws {
    let good = Specification.publicKey
    #expect(try BlindVerifyingKey(good).encoded == good)
    for place in good.indices where place < 81 || place > 336 {
      var bad = good
      bad[place] ^= 1
      #expect(throws: CryptoError.invalidKey, "byte \(place)") { try BlindVerifyingKey(bad) }
    }
    for bad in [[], Array(good.dropLast()), good + [0]] {
      #expect(throws: CryptoError.invalidKey) { try BlindVerifyingKey(bad) }
    }
    // A modulus of 2,047 bits.
    var short = good
    short[81] &= 0x7f
    #expect(throws: CryptoError.invalidKey) { try BlindVerifyingKey(short) }
  }

  @Test func onlyNumbersBelowTheModulusAreSigned() throws {
    let key = try BlindSigningKey(pem: Specification.pem)
    let wrongs: [[UInt8]] = [
      [], [UInt8](repeating: 1, count: 255), [UInt8](repeating: 1, count: 257), [UInt8](repeating: 0xff, count: 256),
      Array(Specification.publicKey[81..<337]),
    ]
    #expect(key.publicKey.canSign(Specification.blinded))
    for bad in wrongs { #expect(!key.publicKey.canSign(bad)) }
    for bad in wrongs { #expect(throws: CryptoError.wrongLength) { try key.sign(bad) } }
    #expect(throws: CryptoError.invalidKey) { _ = try BlindSigningKey(Secret(copying: [1, 2, 3])) }
  }
}
