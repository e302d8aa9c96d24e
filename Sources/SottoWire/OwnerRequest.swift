public import SottoCrypto

/// A request that only the owner of a mailbox or card may make, before it is signed: RFC 9421 with Ed25519 and RFC 9530.
///
/// The signature covers the method, the whole URI, the digest of the body, and each of the headers in `signedFields`
/// that the request has: one rule, one order, so there is exactly one valid spelling of a signed request. [request.1]
public struct OwnerRequest: Sendable {
  /// The headers that are covered whenever a request has them, in this order. [request.3]
  static let signedFields = [
    HeaderName.sequence, HeaderName.listSequence, HeaderName.ifMatch, HeaderName.ifNoneMatch,
    HeaderName.authorization,
  ]
  /// How far `created` may be from the relay's clock, both ends included: 300 s pass, 301 s do not. [request.6]
  public static let window: Int64 = 300

  private let components: [HeaderField]
  private let fields: [HeaderField]

  /// `sequence` is given for every mutation and never for a read. [request.4]
  public init(
    _ method: HTTPMethod, _ route: Route, at authority: RelayAuthority, body: [UInt8] = [], sequence: UInt64? = nil,
    listSequence: UInt64? = nil, condition: CardCondition? = nil, token: RegistrationToken? = nil
  ) {
    let given = [
      sequence.map { HeaderField(HeaderName.sequence, String($0)) },
      listSequence.map { HeaderField(HeaderName.listSequence, String($0)) },
      condition?.field,
      token.map { HeaderField(HeaderName.authorization, $0.authorization) },
    ]
    fields = [HeaderField(HeaderName.contentDigest, ContentDigest.of(body))] + given.compactMap { $0 }
    components = Self.components(method.rawValue, authority.origin + route.path, fields)
  }

  /// Every header that the request needs: the covered ones, `signature-input` and `signature`. [request.2]
  ///
  /// `created` is the signer's clock in seconds of Unix time.
  public func headers(signedBy key: borrowing SigningKey, created: Int64) -> [HeaderField] {
    let parameters = parameters(key.publicKey, created)
    let signature = key.sign(SignatureBase.bytes(components, parameters: parameters))
    return fields + [
      HeaderField(HeaderName.signatureInput, SignatureBase.label + "=" + parameters),
      HeaderField(HeaderName.signature, SignatureBase.label + "=:" + Base64.encode(signature) + ":"),
    ]
  }

  /// What `headers(signedBy:created:)` signs. [request.1]
  package func signatureBase(of key: VerifyingKey, created: Int64) -> [UInt8] {
    SignatureBase.bytes(components, parameters: parameters(key, created))
  }

  private func parameters(_ key: VerifyingKey, _ created: Int64) -> String {
    SignatureBase.parameters(covering: components.map(\.name), created: created, key: key)
  }

  static func components(_ method: String, _ target: String, _ fields: [HeaderField]) -> [HeaderField] {
    [HeaderField("@method", method), HeaderField("@target-uri", target)] + fields
  }
}

/// Why a signed request is refused.
public enum RequestRefusal: Error, Equatable, Sendable {
  /// A header of the signature is not there.
  case unsigned
  /// The signature is old, or from the future: the two clocks disagree. [request.6]
  case outsideWindow
  /// The body is not the one whose digest was signed. [request.5]
  case wrongDigest
  /// Not the one spelling of this request's signature, or not made by the key that it names. [request.7]
  case notGenuine
  /// Genuine, but the mailbox is another key's. [relay.12]
  case notOwner
  /// A mutation without its sequence. [request.4]
  case noSequence

  /// What the relay answers. [relay.10]
  public var problem: Problem {
    switch self {
    case .unsigned: .signatureMissing
    case .outsideWindow: .clockSkew
    case .wrongDigest: .digestMismatch
    case .notGenuine, .notOwner: .signatureRefused
    case .noSequence: .requestMalformed
    }
  }
}

/// A request whose signature, digest and time are right. Whether its key may ask that, `check(_:_:)` tells.
public struct VerifiedOwnerRequest: Sendable {
  /// Who signed.
  public let key: VerifyingKey
  /// The `sotto-sequence`: there for every mutation.
  public let sequence: UInt64?
  /// The `sotto-list-sequence` of a card.
  public let listSequence: UInt64?
  /// The `if-match` or `if-none-match` of a card.
  public let condition: CardCondition?
  /// The `authorization`, whatever it is: what may have to be shown for something new.
  public let authorization: String?
  /// Identifies the request whatever its time: two requests with one sequence are the same if and only if this is equal.
  public let digest: Digest

  /// Checks a request that was received, in the order of [request.7]; `header` answers all values of a header, `now` is
  /// Unix time in seconds.
  public init(
    method: String, authority: RelayAuthority, path: String, body: [UInt8], now: Int64, header: (String) -> [String]
  ) throws(RequestRefusal) {
    let needed = [HeaderName.signatureInput, HeaderName.signature, HeaderName.contentDigest].map(header)
    guard !needed.contains(where: \.isEmpty) else { throw .unsigned }
    guard needed.allSatisfy({ $0.count == 1 }) else { throw .notGenuine }
    func single(_ name: String) throws(RequestRefusal) -> String? {
      let values = header(name)
      guard values.count <= 1 else { throw .notGenuine }
      return values.first
    }
    let (input, signature) = (needed[0][0], needed[1][0])
    var fields = [HeaderField(HeaderName.contentDigest, needed[2][0])]
    for name in OwnerRequest.signedFields {
      if let value = try single(name) { fields.append(HeaderField(name, value)) }
    }
    let components = OwnerRequest.components(method, authority.origin + path, fields)

    guard let (created, key) = SignatureBase.parse(input, covering: components.map(\.name)) else { throw .notGenuine }
    guard created >= now - OwnerRequest.window, created <= now + OwnerRequest.window else { throw .outsideWindow }
    guard let raw = SignatureBase.signature(signature),
      key.verify(raw, over: SignatureBase.bytes(components, parameters: String(input.dropFirst(6))))
    else { throw .notGenuine }
    // By their bytes: to Swift a Kelvin sign equals a K.
    guard fields[0].value.utf8.elementsEqual(ContentDigest.of(body).utf8) else { throw .wrongDigest }

    self.key = key
    digest = Digest.of("owner request", SignatureBase.bytes(components))
    var sequence: UInt64?
    var listSequence: UInt64?
    var condition: CardCondition?
    var authorization: String?
    for field in fields.dropFirst() {
      switch field.name {
      case HeaderName.sequence: sequence = try Self.number(field)
      case HeaderName.listSequence: listSequence = try Self.number(field)
      case HeaderName.authorization: authorization = field.value
      default:
        guard condition == nil, let parsed = CardCondition(field) else { throw .notGenuine }
        condition = parsed
      }
    }
    (self.sequence, self.listSequence, self.condition) = (sequence, listSequence, condition)
    self.authorization = authorization
  }

  /// Whether the key may ask this: for a mailbox it is the mailbox's own, whether there is such a mailbox or not
  /// [relay.12], and a mutation has a sequence [request.4].
  public func check(_ method: HTTPMethod, _ route: Route) throws(RequestRefusal) {
    if let mailbox = route.mailbox, MailboxID(owner: key) != mailbox { throw .notOwner }
    if sequence == nil, method == .put || method == .delete { throw .noSequence }
  }

  private static func number(_ field: HeaderField) throws(RequestRefusal) -> UInt64 {
    guard let number = DecimalNumber.decode(field.value) else { throw .notGenuine }
    return number
  }
}

/// The signature base of RFC 9421 section 2.5 and the one spelling of its parameters.
package enum SignatureBase {
  /// The label of the only signature that a request carries.
  static let label = "sotto"

  /// The lines of the covered components, then `@signature-params` unless `parameters` is nil.
  package static func bytes(_ components: [HeaderField], parameters: String? = nil) -> [UInt8] {
    var lines = components.map { "\"\($0.name)\": \($0.value)" }
    if let parameters { lines.append("\"@signature-params\": \(parameters)") }
    return Array(lines.joined(separator: "\n").utf8)
  }

  /// `("@method" ...);created=1;keyid="hex";alg="ed25519"`. [request.2]
  static func parameters(covering names: [String], created: Int64, key: VerifyingKey) -> String {
    list(names) + ";created=\(created);keyid=\"" + Hex.encode(key.bytes) + "\";alg=\"ed25519\""
  }

  private static func list(_ names: [String]) -> String { "(" + names.map { "\"\($0)\"" }.joined(separator: " ") + ")" }

  /// Takes the two values out and rebuilds the whole: whatever is not the one spelling differs from it, byte for byte. To
  /// Swift's `==` a Greek question mark is a semicolon. [request.7]
  static func parse(_ input: String, covering names: [String]) -> (created: Int64, key: VerifyingKey)? {
    let head = label + "=" + list(names) + ";created="
    guard input.utf8.count <= 512, input.hasPrefix(head) else { return nil }
    let rest = input.dropFirst(head.count).split(separator: ";", omittingEmptySubsequences: false)
    guard rest.count == 3, let created = DecimalNumber.decode(rest[0]),
      rest[1].hasPrefix("keyid=\""), rest[1].hasSuffix("\""),
      let bytes = Hex.decode(String(rest[1].dropFirst(7).dropLast())), let key = try? VerifyingKey(bytes),
      case let rebuilt = label + "=" + parameters(covering: names, created: Int64(created), key: key),
      input.utf8.elementsEqual(rebuilt.utf8)
    else { return nil }
    return (Int64(created), key)
  }

  /// The 64 bytes of `sotto=:base64:`.
  static func signature(_ value: String) -> [UInt8]? {
    guard value.utf8.count == 96, value.hasPrefix(label + "=:"), value.hasSuffix(":") else { return nil }
    return Base64.decode(value.dropFirst(label.count + 2).dropLast())
  }
}

/// The Content-Digest of RFC 9530: SHA-256 of the body, also when the body is empty. [request.5]
public enum ContentDigest {
  public static func of(_ body: [UInt8]) -> String { "sha-256=:" + Base64.encode(sha256(body)) + ":" }
}
