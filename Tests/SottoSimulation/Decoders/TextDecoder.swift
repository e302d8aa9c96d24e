import SottoCrypto
import SottoSession
import SottoWire

extension Decoder {
  /// Everything that is read from text.
  static let text = Decoder(
    "text", limit: 600,
    oneOf: [
      { try promiseOneSpelling(string($0), { Hex.decode($0) }, Hex.encode) != nil },
      { try promiseOneSpelling(string($0), { Base32.decode($0) }, Base32.encode) != nil },
      { try promiseOneSpelling(string($0), { Base64.decode($0) }, Base64.encode) != nil },
      { try promiseOneSpelling(string($0), { DecimalNumber.decode($0) }, { String($0) }) != nil },
      { try authority(string($0)) },
      { try route(string($0)) },
      { try promiseOneSpelling(string($0), { try? Address(parsing: $0) }, \.text) != nil },
      { try address($0) },
      { try condition(HeaderName.ifMatch, string($0)) },
      { try condition(HeaderName.ifNoneMatch, string($0)) },
      { try problem(string($0)) },
      { try blobLength($0) },
      { try promiseOneSpelling(string($0), { Base64URL.decode($0) }, Base64URL.encode) != nil },
      { try promiseOneSpelling(string($0), { RegistrationToken(authorization: $0) }, \.authorization) != nil },
      { try invitation(string($0)) },
    ])

  /// Nobody who does not have the key makes a genuine one.
  private static func invitation(_ text: String) throws -> Bool {
    guard let invitation = try promiseOneSpelling(text, { Invitation(text: $0) }, \.text) else { return false }
    let isGenuine = invitation.isGenuine(under: Secret(copying: [UInt8](repeating: 9, count: 32)))
    try promise(!isGenuine, "a stranger's invitation is genuine")
    return true
  }

  private static func string(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

  private static func authority(_ text: String) throws -> Bool {
    guard let relay = try promiseOneSpelling(text, { RelayAuthority($0) }, \.text) else { return false }
    try promise(text.utf8.count <= WireLimits.authority && 1...65535 ~= relay.port, "an authority beyond its bounds")
    try promise(!relay.host.isEmpty && text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f }, "an authority that no URI has")
    let rebuilt = relay.host.contains(":") ? "[\(relay.host)]" : relay.host
    let usual = relay.isLoopback ? 80 : 443
    try promise(text == (relay.port == usual ? rebuilt : "\(rebuilt):\(relay.port)"), "host and port are not the text")
    return true
  }

  private static func route(_ text: String) throws -> Bool {
    guard let route = try promiseOneSpelling(text, { Route(path: $0) }, \.path) else { return false }
    try promise(text.utf8.count <= WireLimits.path && !route.methods.isEmpty, "a route that nobody can ask")
    try promise(
      route.methods.allSatisfy { 0...BlobLength.largest.bytes ~= route.bodyLimit($0) }, "a body without bound")
    return true
  }

  /// 48 bytes, then a relay: the promise adds the checksum. One wrong character must be noticed.
  private static func address(_ bytes: [UInt8]) throws -> Bool {
    guard bytes.count > 50, let relay = RelayAuthority(string(Array(bytes[50...]))),
      let digest = try? Digest(Array(bytes[2..<34])), let secret = try? ContactSecret(Array(bytes[34..<50]))
    else { return false }
    let address = Address(account: AccountID(digest), contactSecret: secret, relay: relay)
    try promise((try? Address(parsing: address.text)) == address, "an address is not read back")
    var mistyped = Array(address.text.utf8)
    let place = 6 + (Int(bytes[0]) % (mistyped.count - 6))
    guard mistyped[place] != bytes[1] else { return false }
    mistyped[place] = bytes[1]
    try promise((try? Address(parsing: string(mistyped))) == nil, "a mistyped address is accepted")
    return true
  }

  private static func condition(_ name: String, _ text: String) throws -> Bool {
    let field = HeaderField(name, text)
    guard let condition = CardCondition(field) else { return false }
    try promise(condition.field.value.utf8.elementsEqual(text.utf8), "a condition has a second spelling")
    return true
  }

  private static func problem(_ text: String) throws -> Bool {
    guard let problem = Problem(document: text) else { return false }
    try promise(text.contains(problem.type), "a problem that the document does not name")
    try promise(Problem(document: problem.document) == problem, "a problem is not read back")
    return true
  }

  private static func blobLength(_ bytes: [UInt8]) throws -> Bool {
    var reader = WireReader(bytes)
    guard let raw = try? reader.u64() else { return false }
    let count = Int(truncatingIfNeeded: raw)
    if let exact = BlobLength(count) { try promise(exact.bytes == count, "another length") }
    if let holding = BlobLength(holding: count) {
      try promise(holding.bytes >= count && BlobLength(holding.bytes) == holding, "a length that does not hold it")
      try promise(count < 65536 || holding.bytes - count < count / 8 + 1, "padding beyond an eighth")
    }
    return true
  }
}
