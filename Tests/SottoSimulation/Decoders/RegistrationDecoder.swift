import SottoCrypto
import SottoWire

extension Decoder {
  /// What registering and waking bring besides their encodings: a key to invite with, a relay's keys and its answers to
  /// what was blinded, tokens that are shown, keys that a gateway seals to, and what a push service brings.
  static let registration = Decoder(
    "registration", limit: 640,
    oneOf: [
      { try inviterKey($0) },
      { try relayTokenKey($0) },
      { try shownToken($0) },
      { try deviceKey($0) },
      { try pushMessage($0) },
    ])

  static var registrationSeeds: [[UInt8]] {
    var entropy = SeededEntropy(seed: 9)
    let scope = InviterScope(lastDay: 20_000, tokens: 32, total: 320, from: &entropy)
    let inviters = [[UInt8](repeating: 1, count: 32), relayKey].map { key -> [UInt8] in
      [0] + Array(InviterKey(scope, under: Secret(copying: key)).revealed().utf8)
    }
    let filling = [UInt8](repeating: 7, count: BlindVerifyingKey.modulusCount)
    let nonce = [UInt8](repeating: 5, count: 32)
    let token: [UInt8] = [0, 2] + nonce + TokenChallenge(of: relay).digest + honestKey.id + filling
    let point = try! WebPushMessage.publicKey(of: Secret(copying: devicePrivateKey))
    let message = try! WebPushMessage.seal([1], to: point, auth: auth, from: &entropy)
    return inviters + [[1] + honestModulus + filling, [2] + token, [3] + point + auth, [4] + message]
  }

  /// The encoding of a token key that has this modulus, 256 bytes.
  static func encodedTokenKey(_ modulus: [UInt8]) -> [UInt8] {
    let head =
      "30820152303d06092a864886f70d01010a3030a00d300b0609608648016503040202a11a301806092a864886f70d010108300b06096086"
      + "48016503040202a2030201300382010f003082010a0282010100"
    return Hex.decode(head)! + modulus + [2, 3, 1, 0, 1]
  }

  /// What is invited with a key is genuine if the relay's own key made it, and only then.
  private static func inviterKey(_ bytes: [UInt8]) throws -> Bool {
    guard let key = InviterKey(text: Secret(copying: bytes)) else { return false }
    let spelling = key.revealed()
    try promise(spelling.utf8.elementsEqual(bytes), "an inviter's key has a second spelling")
    var entropy = FixedEntropy([UInt8](repeating: 4, count: 16))
    let invitation = Invitation(lastDay: key.scope.lastDay, tokens: key.scope.tokens, by: key, from: &entropy)
    try promise(Invitation(text: invitation.text) == invitation, "an invitation is not read back")
    let ours = InviterKey(key.scope, under: Secret(copying: relayKey)).revealed()
    let isGenuine = invitation.isGenuine(under: Secret(copying: relayKey))
    try promise(isGenuine == (ours == spelling), "whose invitations are genuine")
    return true
  }

  /// A relay names any modulus, and answers anything to what was blinded under it. The randomness of the blinding is the
  /// system's, so an input can be accepted once and refused once.
  private static func relayTokenKey(_ bytes: [UInt8]) throws -> Bool {
    let modulus = Array(bytes.prefix(BlindVerifyingKey.modulusCount))
    guard let key = try? BlindVerifyingKey(encodedTokenKey(modulus)) else { return false }
    var entropy = SeededEntropy(seed: 7)
    guard let pending = try? PendingToken(at: relay, under: key, from: &entropy) else { return false }
    let request = pending.request
    let isRequest = (try? TokenRequest.all(request.encoded)) == [request] && key.canSign(request.blinded)
    try promise(isRequest, "a request that no relay would take")
    let token = try? pending.token(Array(bytes.dropFirst(BlindVerifyingKey.modulusCount)))
    let isToken = token.map { $0.isValid(at: relay, under: key) } ?? true
    try promise(isToken, "a token that its relay does not take")
    return true
  }

  /// Nobody who cannot sign shows a genuine one.
  private static func shownToken(_ bytes: [UInt8]) throws -> Bool {
    guard let token = RegistrationToken(bytes) else { return false }
    try promise(RegistrationToken(authorization: token.authorization) == token, "a token is not read back")
    try promise(token.encoded == bytes && !token.isValid(at: relay, under: honestKey), "a forged token")
    return true
  }

  /// A subscription names any key: a gateway seals to it, or it is none.
  private static func deviceKey(_ bytes: [UInt8]) throws -> Bool {
    let key = Array(bytes.prefix(WebPushMessage.keyCount))
    var entropy = SeededEntropy(seed: 8)
    let rest = Array(bytes.dropFirst(WebPushMessage.keyCount))
    guard let sealed = try? WebPushMessage.seal([1], to: key, auth: rest, from: &entropy) else { return false }
    try promise(sealed.count == 104 && key[0] == 4 && rest.count == WebPushMessage.authCount, "what is sealed to")
    return true
  }

  private static func pushMessage(_ bytes: [UInt8]) throws -> Bool {
    let opened = try? WebPushMessage.open(bytes, with: Secret(copying: devicePrivateKey), auth: auth)
    guard let opened else { return false }
    try promise(opened.count + 103 <= bytes.count, "more comes out than was in it")
    return true
  }

  private static let relay = RelayAuthority("relay.example")!
  private static let relayKey = [UInt8](repeating: 9, count: 32)
  private static let devicePrivateKey = [UInt8](repeating: 9, count: 32)
  private static let auth = [UInt8](repeating: 3, count: WebPushMessage.authCount)
  private static let honestKey = try! BlindVerifyingKey(encodedTokenKey(honestModulus))
  /// Of a key that was made for this and is gone.
  private static let honestModulus = Hex.decode(
    "8a7eab9bb769e9f37814aee22fc27c469f7a7b1206febf48593423eb80e259e0378817593a922d936d0567ef1eb8773720df7bc7"
      + "21df5d80f462692026921fd65cdd48d533cc28c80b0954acbbb275fe7d9a4419a92f65a31bcc28ebd5a579c4909624ca0239ca37"
      + "ef09b348c1e21c6cc86ecc3346126eaaacee2d1fc78aecb25232f991c8768d0a816bc65cb374d718a33478dbc59311a307e5b143"
      + "14f7a97b94aedc49c8b160b3bbf844690da79a06e023ccbaf14581fb1439e55a64be7c45a74dcd4d47b90cfe640ba59602a6a1f4"
      + "20691cd700721bd8f2f607f35db94a69e20298bc69025e5328e165d99c80e69c06f9285ead280351736b5516ae8d2f1d")!
}
