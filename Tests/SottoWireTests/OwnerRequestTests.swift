import SottoCrypto
import SottoWire
import Testing

/// What a Swift string takes for equal is not one spelling: the Greek question mark is canonically a semicolon, the
/// Kelvin sign a K. A genuine signature over such bytes is refused all the same.
@Suite struct OwnerRequestTests {
  private let authority = RelayAuthority("relay.example")!
  private let now: Int64 = 1_700_000_000

  /// The first thing that is wrong is answered. [request.7]
  @Test func whatIsMissingComesBeforeWhatIsThereTwice() {
    func outcome(_ headers: [String: [String]]) -> RequestRefusal? {
      do throws(RequestRefusal) {
        _ = try VerifiedOwnerRequest(
          method: "GET", authority: authority, path: "/", body: [], now: now, header: { headers[$0] ?? [] })
        return nil
      } catch { return error }
    }
    let names = ["signature-input", "signature", "content-digest"]
    for missing in names {
      let others = names.filter { $0 != missing }
      #expect(outcome(Dictionary(uniqueKeysWithValues: others.map { ($0, ["a", "a"]) })) == .unsigned)
      #expect(outcome([missing: ["a", "a"], others[0]: ["a"], others[1]: ["a"]]) == .notGenuine)
    }
  }

  /// The owner's key before the sequence; a card belongs to no key that its name shows. [relay.12] [request.4]
  @Test func whoMayAskWhat() throws {
    let mailbox = MailboxID(owner: try key(0).publicKey)
    func outcome(_ method: HTTPMethod, _ route: Route, _ sequence: UInt64?, by seed: UInt8) throws -> RequestRefusal? {
      let request = OwnerRequest(method, route, at: authority, sequence: sequence)
      let headers = request.headers(signedBy: try key(seed), created: now)
      do throws(RequestRefusal) {
        let verified = try VerifiedOwnerRequest(
          method: method.rawValue, authority: authority, path: route.path, body: [], now: now,
          header: { name in headers.filter { $0.name == name }.map(\.value) })
        try verified.check(method, route)
        return nil
      } catch { return error }
    }
    let routes: [Route] = [
      .mailbox(mailbox), .capabilities(mailbox), .signedPart(mailbox), .oneTimeParts(mailbox), .batch(mailbox, 1),
    ]
    for route in routes {
      for method in [HTTPMethod.get, .put, .delete] {
        #expect(try outcome(method, route, 1, by: 0) == nil)
        #expect(try outcome(method, route, nil, by: 0) == (method == .get ? nil : .noSequence))
        #expect(try outcome(method, route, nil, by: 1) == .notOwner)
      }
    }
    let card = Route.card(try CardID([UInt8](repeating: 1, count: 16)))
    #expect(try outcome(.put, card, 1, by: 1) == nil)
    #expect(try outcome(.delete, card, nil, by: 1) == .noSequence)
  }

  private func key(_ first: UInt8) throws -> SigningKey {
    try SigningKey(seed: Secret(copying: Array(first..<first + 32)))
  }

  /// Signs what `change` makes of `input` and `digest`, both values as they stand in their headers; it arrives `delay`
  /// seconds later.
  private func outcome(
    body: [UInt8] = [], after delay: Int64 = 0, input change: (String) -> String = { $0 },
    digest: (String) -> String = { $0 }, signature bend: ([UInt8]) -> [UInt8] = { $0 }
  ) throws -> RequestRefusal? {
    let key = try key(0)
    let path = Route.mailbox(MailboxID(owner: key.publicKey)).path
    let contentDigest = digest(ContentDigest.of(body))
    let names = #""@method" "@target-uri" "content-digest""#
    let parameters = change(
      #"(\#(names));created=\#(now);keyid="\#(Hex.encode(key.publicKey.bytes))";alg="ed25519""#)
    let components = [
      HeaderField("@method", "GET"), HeaderField("@target-uri", authority.origin + path),
      HeaderField("content-digest", contentDigest),
    ]
    let signature = bend(key.sign(SignatureBase.bytes(components, parameters: parameters)))
    let headers = [
      "content-digest": contentDigest, "signature-input": "sotto=" + parameters,
      "signature": "sotto=:" + Base64.encode(signature) + ":",
    ]
    do throws(RequestRefusal) {
      _ = try VerifiedOwnerRequest(
        method: "GET", authority: authority, path: path, body: body, now: now + delay,
        header: { name in headers[name].map { [$0] } ?? [] })
      return nil
    } catch { return error }
  }

  /// [request.7]
  @Test func spellingsAreComparedByTheirBytes() throws {
    #expect(try outcome() == nil)
    #expect(try outcome(input: { $0.replacing(";created", with: "\u{37e}created") }) == .notGenuine)
    #expect(try outcome(input: { $0.replacing(";keyid", with: "\u{37e}keyid") }) == .notGenuine)
    #expect(try outcome(input: { $0.replacing(";alg", with: "\u{37e}alg") }) == .notGenuine)
  }

  /// [request.5]
  @Test func digestsAreComparedByTheirBytes() throws {
    let body = try #require((UInt8(0)...255).lazy.map { [$0] }.first { ContentDigest.of($0).contains("K") })
    #expect(try outcome(body: body) == nil)
    #expect(try outcome(body: body, digest: { $0.replacing("K", with: "\u{212a}") }) == .wrongDigest)
  }

  /// [request.6]
  @Test func aSignatureIsGoodWithinItsWindow() throws {
    for delay in [0, OwnerRequest.window, -OwnerRequest.window] { #expect(try outcome(after: delay) == nil) }
    for delay in [OwnerRequest.window + 1, -OwnerRequest.window - 1, 1 << 40] {
      #expect(try outcome(after: delay) == .outsideWindow)
    }
  }

  /// [request.7]
  @Test func aSignatureOfAnotherKeyIsRefused() throws {
    let (own, other) = (Hex.encode(try key(0).publicKey.bytes), Hex.encode(try key(1).publicKey.bytes))
    #expect(try outcome(input: { $0.replacing(own, with: other) }) == .notGenuine)
    #expect(try outcome(signature: { [$0[0] ^ 1] + $0.dropFirst() }) == .notGenuine)
    #expect(try outcome(signature: { _ in [UInt8](repeating: 0, count: 64) }) == .notGenuine)
  }
}
