import SottoCrypto
import Testing

/// [push.7]
@Suite struct WebPushTests {
  // RFC 8291 section 5 and appendix A.
  private var receiver: Secret { secret("ab5757a70dd4a53e553a6bbf71ffefea2874ec07a6b379e3c48f895a02dc33de") }
  private let receiverKey = hex(
    """
    042571b2becdfde360551aaf1ed0f4cd366c11cebe555f89bcb7b186a53339173168ece2ebe018597bd30479b86e3c8f8eced577ca59187e9246990
    db682008b0e
    """)
  private let auth = hex("05305932a1c7eabe13b6cec9fda48882")
  private let salt = hex("0c6bfaadad67958803092d454676f397")
  private let sender = hex("c9f58f89813e9f8e872e71f42aa64e1757c9254dcc62b72ddc010bb4043ea11c")
  private let message = Array("When I grow up, I want to be a watermelon".utf8)

  /// The body that the specification shows.
  @Test func sealsAsTheSpecificationDoes() throws {
    var entropy = FixedEntropy(salt + sender)
    let body = try WebPushMessage.seal(message, to: receiverKey, auth: auth, from: &entropy)
    #expect(
      body
        == salt
        + hex(
          """
          00001000 41 04fe33f4ab0dea71914db55823f73b54948f41306d920732dbb9a59a53286482200e597a7b7bc260ba1c227998580992e93973
          002f3012a28ae8f06bbb78e5ec0f
          f297de5b429bba7153d3a4ae0caa091fd425f3b4b5414add8ab37a19c1bbb05cf5cb5b2a2e0562d558635641ec52812c6c8ff42e95ccb86be7cd
          """))
    #expect(try WebPushMessage.open(body, with: receiver, auth: auth) == message)
  }

  @Test func onlyTheDeviceOpensAndOnlyWhatIsWhole() throws {
    var entropy = SystemEntropy()
    let key = try WebPushMessage.publicKey(of: receiver)
    #expect(key == receiverKey)
    let body = try WebPushMessage.seal([1], to: key, auth: auth, from: &entropy)
    #expect(try WebPushMessage.open(body, with: receiver, auth: auth) == [1])
    for index in body.indices where !(16..<20).contains(index) {
      var changed = body
      changed[index] ^= 1
      #expect(throws: CryptoError.notAuthentic) { try WebPushMessage.open(changed, with: receiver, auth: auth) }
    }
    for count in body.indices {
      #expect(throws: CryptoError.notAuthentic) {
        try WebPushMessage.open(Array(body[..<count]), with: receiver, auth: auth)
      }
    }
    #expect(throws: CryptoError.notAuthentic) { try WebPushMessage.open(body, with: receiver, auth: salt) }
    let other = secret(String(repeating: "07", count: 32))
    #expect(throws: CryptoError.notAuthentic) { try WebPushMessage.open(body, with: other, auth: auth) }
  }

  @Test func whatIsNoPointIsRefused() throws {
    var entropy = SystemEntropy()
    let none = [4] + [UInt8](repeating: 1, count: 64)
    #expect(throws: CryptoError.invalidKey) {
      try WebPushMessage.seal([1], to: none, auth: auth, from: &entropy)
    }
    #expect(throws: CryptoError.wrongLength) {
      try WebPushMessage.seal([1], to: [4], auth: auth, from: &entropy)
    }
  }
}
