import SottoCrypto
import SottoWire
import Testing

/// [push.5]
@Suite struct PushTargetTests {
  private static let point = [4] + [UInt8](repeating: 7, count: 64)
  private static let secret = [UInt8](repeating: 9, count: 16)

  private static let kinds: [PushTarget.Kind] = [
    .webPush(endpoint: "https://push.example/a?b=c", key: point, auth: secret),
    .apns(token: [1, 2, 3], isSandbox: false), .apns(token: [UInt8](repeating: 1, count: 100), isSandbox: true),
    .fcm(token: "abc:DEF_1-2"),
    .webPush(endpoint: "https://" + String(repeating: "a", count: 760), key: point, auth: secret),
    .fcm(token: String(repeating: "a", count: 512)),
  ]

  @Test(arguments: kinds) func theGatewayReadsWhatTheDeviceSealed(kind: PushTarget.Kind) throws {
    var entropy = SystemEntropy()
    let gateway = AgreementPrivateKey(from: &entropy)
    let target = try #require(PushTarget(kind))
    let sealed = try target.sealed(to: gateway.publicKey)
    #expect(sealed.count == PushTarget.sealedCount && sealed.count == 1_073, "whatever is in it")
    #expect(PushTarget(opening: sealed, with: gateway) == target)
    let other = AgreementPrivateKey(from: &entropy)
    let opened = PushTarget(opening: sealed, with: other)
    #expect(opened == nil)
    let newer = PushTarget(opening: [2] + sealed.dropFirst(), with: gateway)
    #expect(newer == nil)
    #expect(try PushTarget(padded: target.padded) == target)
  }

  @Test func oneEncoding() throws {
    let target = try #require(PushTarget(.fcm(token: "a:B")))
    #expect(Hex.encode(Array(target.padded.prefix(6))) == "0403613a4280")
    #expect(target.padded.count == 1_024 && target.padded.dropFirst(6).allSatisfy { $0 == 0 })
  }

  @Test func whatCannotBeOneIsNone() throws {
    let (point, secret) = (Self.point, Self.secret)
    let none: [PushTarget.Kind] = [
      .webPush(endpoint: "ftp://push.example/", key: point, auth: secret),
      .webPush(endpoint: "https://push.example/ä", key: point, auth: secret),
      .webPush(endpoint: "https://push.example/\n", key: point, auth: secret),
      .webPush(endpoint: "https://" + String(repeating: "a", count: 761), key: point, auth: secret),
      .webPush(endpoint: "https://push.example/", key: [2] + point.dropFirst(), auth: secret),
      .webPush(endpoint: "https://push.example/", key: Array(point.dropLast()), auth: secret),
      .webPush(endpoint: "https://push.example/", key: [], auth: secret),
      .webPush(endpoint: "https://push.example/", key: point, auth: secret + [1]),
      .apns(token: [], isSandbox: false), .apns(token: [UInt8](repeating: 1, count: 101), isSandbox: false),
      .fcm(token: ""), .fcm(token: "a/b"), .fcm(token: "ä"), .fcm(token: String(repeating: "a", count: 513)),
    ]
    for kind in none { #expect(PushTarget(kind) == nil, "\(kind)") }
  }

  @Test func paddingIsOfOneForm() throws {
    let good = try #require(PushTarget(.fcm(token: "a"))).padded
    for (index, byte) in [(3, 0 as UInt8), (4, 1), (1_023, 1), (0, 5), (0, 0), (2, 0x2f)] {
      var changed = good
      changed[index] = byte
      #expect(throws: WireError.invalidValue) { try PushTarget(padded: changed) }
    }
    #expect(throws: WireError.invalidValue) { try PushTarget(padded: good + [0]) }
    #expect(throws: WireError.invalidValue) { try PushTarget(padded: good.dropLast()) }
    #expect(throws: WireError.truncated) { try PushTarget(padded: []) }
  }
}
