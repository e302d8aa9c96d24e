import SottoCrypto
import SottoRelay
import SottoWire
import Testing

/// Signed requests: what the verifier takes, and everything next to it that it does not.
@Suite struct RequestTests {
  let now: Int64 = 1_700_000_000
  let authority = RelayAuthority("relay.example")!

  private struct Parts {
    var method = "PUT"
    var authority: RelayAuthority
    var path: String
    var body: [UInt8]
    var fields: [HeaderField]
    var now: Int64

    func verify() throws(RequestRefusal) -> VerifiedOwnerRequest {
      try VerifiedOwnerRequest(method: method, authority: authority, path: path, body: body, now: now) { name in
        fields.filter { $0.name == name }.map(\.value)
      }
    }

    mutating func replace(_ name: String, _ change: (String) -> String) {
      fields = fields.map { $0.name == name ? HeaderField(name, change($0.value)) : $0 }
    }

    mutating func drop(_ name: String) { fields.removeAll { $0.name == name } }
  }

  private func parts(
    seed: UInt8 = 1, sequence: UInt64? = 7, list: UInt64? = nil, condition: CardCondition? = nil, created: Int64? = nil
  ) -> Parts {
    let owner = Owner(seed)
    let route = Route.mailbox(owner.mailbox)
    let body: [UInt8] = [1, 2, 3]
    let request = OwnerRequest(
      .put, route, at: authority, body: body, sequence: sequence, listSequence: list, condition: condition)
    return Parts(
      authority: authority, path: route.path, body: body,
      fields: request.headers(signedBy: owner.key, created: created ?? now), now: now)
  }

  private func refusal(_ change: (inout Parts) -> Void) -> RequestRefusal? {
    var parts = parts()
    change(&parts)
    do throws(RequestRefusal) {
      _ = try parts.verify()
      return nil
    } catch { return error }
  }

  /// [request.1] [request.2]
  @Test func whatIsSignedVerifies() throws {
    let request = try parts(list: 4, condition: .replaces(3)).verify()
    #expect(request.sequence == 7 && request.listSequence == 4 && request.condition == .replaces(3))
    #expect(request.key == Owner(1).key.publicKey)
    #expect(try parts(sequence: nil).verify().sequence == nil)
    #expect(try parts(condition: .absent).verify().condition == .absent)
  }

  /// The figures of RFC 9421 appendix B.2.6. [request.1]
  @Test func signatureBaseOfTheRFC() throws {
    let components = [
      HeaderField("date", "Tue, 20 Apr 2021 02:07:55 GMT"), HeaderField("@method", "POST"),
      HeaderField("@path", "/foo"), HeaderField("@authority", "example.com"),
      HeaderField("content-type", "application/json"), HeaderField("content-length", "18"),
    ]
    let parameters =
      #"("date" "@method" "@path" "@authority" "content-type" "content-length");created=1618884473;keyid="test-key-ed25519""#
    let key = try VerifyingKey(#require(Base64.decode("JrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs=")))
    let signature = try #require(
      Base64.decode("wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw=="))
    #expect(key.verify(signature, over: SignatureBase.bytes(components, parameters: parameters)))
    let changed = components.map { $0.name == "@path" ? HeaderField("@path", "/fop") : $0 }
    #expect(!key.verify(signature, over: SignatureBase.bytes(changed, parameters: parameters)))
  }

  /// RFC 9530 appendix B.1 and an empty body. [request.5]
  @Test func contentDigest() {
    #expect(
      ContentDigest.of(Array("{\"hello\": \"world\"}\n".utf8))
        == "sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:")
    #expect(ContentDigest.of([]) == "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:")
  }

  /// [request.6]
  @Test func windowIncludesBothEnds() {
    for (offset, expected) in [(-301, RequestRefusal.outsideWindow), (-300, nil), (300, nil), (301, .outsideWindow)] {
      var parts = parts(created: now + Int64(offset))
      parts.now = now
      let outcome: RequestRefusal?
      do throws(RequestRefusal) {
        _ = try parts.verify()
        outcome = nil
      } catch { outcome = error }
      #expect(outcome == expected, "created \(offset) s from now")
    }
  }

  /// [request.1] [request.3] [request.7]
  @Test func everythingCoveredIsBound() {
    #expect(refusal { $0.method = "DELETE" } == .notGenuine)
    #expect(refusal { $0.path = Route.mailbox(Owner(2).mailbox).path } == .notGenuine)
    #expect(refusal { $0.authority = RelayAuthority("relay.example:444")! } == .notGenuine)
    #expect(refusal { $0.authority = RelayAuthority("localhost")! } == .notGenuine)
    #expect(refusal { $0.replace("sotto-sequence") { _ in "8" } } == .notGenuine)
    #expect(refusal { $0.replace("sotto-sequence") { "0" + $0 } } == .notGenuine)
    #expect(refusal { $0.drop("sotto-sequence") } == .notGenuine)
    #expect(refusal { $0.fields.append(HeaderField("if-match", "\"3\"")) } == .notGenuine)
    #expect(refusal { $0.fields.append(HeaderField("sotto-list-sequence", "3")) } == .notGenuine)
    #expect(refusal { $0.body.append(0) } == .wrongDigest)
    #expect(refusal { $0.replace("content-digest") { _ in ContentDigest.of([]) } } == .notGenuine)
  }

  /// [request.7]
  @Test func oneSpellingOnly() {
    #expect(refusal { $0.drop("signature") } == .unsigned)
    #expect(refusal { $0.drop("signature-input") } == .unsigned)
    #expect(refusal { $0.drop("content-digest") } == .unsigned)
    for name in ["signature", "signature-input", "content-digest", "sotto-sequence"] {
      #expect(refusal { parts in parts.fields.append(parts.fields.first { $0.name == name }!) } == .notGenuine)
    }
    #expect(refusal { $0.replace("signature-input") { $0 + ";nonce=\"a\"" } } == .notGenuine)
    #expect(refusal { $0.replace("signature-input") { $0.replacing("sotto=", with: "other=") } } == .notGenuine)
    #expect(refusal { $0.replace("signature-input") { $0.replacing("ed25519", with: "hmac-sha256") } } == .notGenuine)
    #expect(refusal { $0.replace("signature-input") { $0.replacing("created=1", with: "created=01") } } == .notGenuine)
    #expect(refusal { $0.replace("signature-input") { $0 + ", b=(\"@method\");created=1" } } == .notGenuine)
    #expect(
      refusal { $0.replace("signature-input") { $0.replacing("\"@method\" \"@target-uri\"", with: "\"@method\"") } }
        == .notGenuine)
    #expect(refusal { $0.replace("signature") { $0.replacing("=:", with: "=: ") } } == .notGenuine)
    let other = parts(seed: 2).fields.first { $0.name == "signature" }!.value
    #expect(refusal { $0.replace("signature") { _ in other } } == .notGenuine)
    let stranger = Hex.encode(Owner(2).key.publicKey.bytes)
    let own = Hex.encode(Owner(1).key.publicKey.bytes)
    #expect(refusal { $0.replace("signature-input") { $0.replacing(own, with: stranger) } } == .notGenuine)
  }

  /// Another spelling is refused although the owner signed it. [request.7]
  @Test func otherSpellingsAreRefusedHoweverGenuine() {
    let owner = Owner(1)
    var genuine = parts()
    let input = genuine.fields.first { $0.name == "signature-input" }!.value
    let covered =
      [HeaderField("@method", "PUT"), HeaderField("@target-uri", authority.origin + genuine.path)]
      + genuine.fields.filter { $0.name == "content-digest" || $0.name == "sotto-sequence" }
    func sign(_ input: String) -> RequestRefusal? {
      let signature = owner.key.sign(SignatureBase.bytes(covered, parameters: String(input.dropFirst(6))))
      genuine.replace("signature-input") { _ in input }
      genuine.replace("signature") { _ in "sotto=:" + Base64.encode(signature) + ":" }
      do throws(RequestRefusal) {
        _ = try genuine.verify()
        return nil
      } catch { return error }
    }
    #expect(sign(input) == nil)
    for (part, other) in [
      (";alg=\"ed25519\"", ";alg=\"ED25519\""), (";alg=\"ed25519\"", ";tag=\"ed25519\""), (";alg=", "; alg="),
      ("created=1", "created=01"), (" \"content", "  \"content"),
    ] {
      #expect(sign(input.replacing(part, with: other)) == .notGenuine, "\(other)")
    }
  }

  /// [request.8]
  @Test func digestNamesTheRequestAndNotItsTime() throws {
    let first = try parts().verify().digest
    #expect(try parts(created: now + 100).verify().digest == first)
    #expect(try parts(sequence: 8).verify().digest != first)
    #expect(try parts(condition: .absent).verify().digest != first)
  }

  /// [request.8]
  @Test func sequencesOnlyGrow() throws {
    let request = try #require(Mutation(try parts(sequence: 7).verify()))
    let same = OwnerHead(sequence: 7, digest: request.digest)
    #expect(try same.judge(request) == .repeated)
    #expect(try OwnerHead(sequence: 6, digest: .zero).judge(request) == .advance(same))
    #expect(throws: Refusal(.sequenceStale, sequence: 7)) { try OwnerHead(sequence: 7, digest: .zero).judge(request) }
    #expect(throws: Refusal(.sequenceStale, sequence: 8)) {
      try OwnerHead(sequence: 8, digest: request.digest).judge(request)
    }
  }
}
