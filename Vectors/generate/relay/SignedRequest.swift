import SottoCrypto
import SottoWire

/// A signed request that is bent in one place: before it is signed, so that the signature is genuine, or after.
struct SignedRequest {
  // What arrives.
  var method = "PUT"
  var authority = "relay.example"
  var path: String
  var body: [UInt8]
  var now = RelayExample.created
  // What is signed, spelt as it should be unless something is changed.
  var seed = RelayExample.seed
  /// The headers of [request.3].
  var fields: [HeaderField]
  var created = String(RelayExample.created)
  var target: String?
  var digest: String?
  var keyid: String?
  /// From the covered lines as they should be to those that are covered.
  var cover: ([HeaderField]) -> [HeaderField] = { $0 }
  /// From the value of `@signature-params` to the one that is signed and sent.
  var respell: (String) -> String = { $0 }
  var label = "sotto"
  var resign: ([UInt8]) -> [UInt8] = { $0 }
  /// From the headers as they were signed to those that arrive.
  var send: ([HeaderField]) -> [HeaderField] = { $0 }

  init(_ route: Route, body: [UInt8], fields: [HeaderField]) {
    (path, self.body, self.fields) = (route.path, body, fields)
  }

  /// PUT of the capabilities, the request of Specs/Relay.md.
  static func example() throws -> SignedRequest {
    SignedRequest(
      .capabilities(try RelayExample.mailbox()), body: RelayExample.capabilities,
      fields: [HeaderField("sotto-sequence", String(RelayExample.sequence))])
  }

  /// PUT of a card, with three of the headers of [request.3].
  static func card() throws -> SignedRequest {
    let fields = [
      HeaderField("sotto-sequence", "5"), HeaderField("sotto-list-sequence", "2"), HeaderField("if-match", "\"1\""),
    ]
    return SignedRequest(.card(try CardID(seq(0x10, 16))), body: seq(0, 100), fields: fields).with {
      $0.seed = seq(1, 32)
    }
  }

  /// A read of the mailbox, with none of them.
  static func read() throws -> SignedRequest {
    SignedRequest(.mailbox(try RelayExample.mailbox()), body: [], fields: []).with { $0.method = "GET" }
  }

  func with(_ change: (inout SignedRequest) -> Void) -> SignedRequest {
    var request = self
    change(&request)
    return request
  }

  func headers() throws -> [HeaderField] {
    let key = try SigningKey(seed: Secret(copying: seed))
    let digest = HeaderField("content-digest", self.digest ?? ContentDigest.of(body))
    let origin = SottoWire.RelayAuthority(authority)!.origin
    let covered = cover(
      [HeaderField("@method", method), HeaderField("@target-uri", target ?? origin + path), digest] + fields)
    let names = covered.map { "\"\($0.name)\"" }.joined(separator: " ")
    let keyid = self.keyid ?? Hex.encode(key.publicKey.bytes)
    let parameters = respell("(\(names));created=\(created);keyid=\"\(keyid)\";alg=\"ed25519\"")
    let signature = resign(key.sign(SignatureBase.bytes(covered, parameters: parameters)))
    return send(
      [digest] + fields + [
        HeaderField("signature-input", "\(label)=\(parameters)"),
        HeaderField("signature", "\(label)=:\(Base64Text.encode(signature)):"),
      ])
  }

  /// The key of a request that is accepted, or the answer.
  func verdict(_ headers: [HeaderField]) -> Result<VerifyingKey, RequestRefusal> {
    do throws(RequestRefusal) {
      let request = try VerifiedOwnerRequest(
        method: method, authority: SottoWire.RelayAuthority(authority)!, path: path, body: body, now: now,
        header: { name in headers.filter { $0.name == name }.map(\.value) })
      try request.check(HTTPMethod(rawValue: method)!, Route(path: path)!)
      return .success(request.key)
    } catch { return .failure(error) }
  }

  private func input(_ headers: [HeaderField]) -> Named {
    [
      "method": .text(method), "authority": .text(authority), "path": .text(path), "body": .bytes(body),
      "headers": .list(headers.map { "\($0.name): \($0.value)" }), "now": .number(Int(now)),
    ]
  }

  func accepted(_ id: String, _ rule: String, _ comment: String) throws -> Case {
    let headers = try headers()
    guard case .success(let key) = verdict(headers) else { throw WrongVerdict(id: id, verdict: "refused") }
    return Case(id, rule, comment, input(headers), output: ["key": .bytes(key.bytes)])
  }

  func refused(_ id: String, _ rule: String, _ comment: String, _ problem: Problem) throws -> Case {
    let headers = try headers()
    guard case .failure(let refusal) = verdict(headers) else { throw WrongVerdict(id: id, verdict: "accepted") }
    guard refusal.problem == problem else { throw WrongVerdict(id: id, verdict: refusal.problem.rawValue) }
    return Case(id, rule, comment, input(headers), refusedAt: problem.rawValue)
  }
}

/// A refusal of the example, or of `request`, after one change.
func refusedRequest(
  _ id: String, _ rule: String, _ comment: String, _ problem: Problem = .signatureRefused,
  of request: SignedRequest? = nil, _ change: (inout SignedRequest) -> Void
) throws -> Case {
  let request = try request ?? .example()
  // What is not bent is accepted: so it is the change that is refused.
  _ = try request.accepted(id, rule, comment)
  return try request.with(change).refused(id, rule, comment, problem)
}

/// Not the generator of encoding/base64.
typealias Base64Text = SottoWire.Base64

extension [HeaderField] {
  func without(_ name: String) -> [HeaderField] { filter { $0.name != name } }

  func twice(_ name: String) -> [HeaderField] { self + filter { $0.name == name } }

  func replacing(_ name: String, _ change: (String) -> String) -> [HeaderField] {
    map { $0.name == name ? HeaderField(name, change($0.value)) : $0 }
  }

  /// With the header of this name at another place.
  func moving(_ name: String, to index: Int) -> [HeaderField] {
    var moved = without(name)
    moved.insert(contentsOf: filter { $0.name == name }, at: index)
    return moved
  }
}
