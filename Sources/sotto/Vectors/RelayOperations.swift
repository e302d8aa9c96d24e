internal import SottoCrypto
internal import SottoWire

/// The operations of Specs/Relay.md.
enum RelayOperations {
  static let all: [String: VectorOperation] = [
    "relay/mailbox": taking(["public"], mailbox), "relay/capability": taking(["capability"], capability),
    "relay/authority": taking(["authority"], authority),
    "relay/request-sign": taking(["seed", "method", "authority", "path", "body", "fields", "created"], sign),
    "relay/request-verify": taking(["method", "authority", "path", "body", "headers", "now"], verify),
    "relay/capability-set": taking(["classes", "hashes", "expires", "encoded"], capabilitySet),
    "relay/mailbox-status": taking(
      [
        "sequence", "restore_epoch", "signed_part", "one_time_parts", "last_resort_claims", "envelopes",
        "envelope_bytes", "classes", "encoded",
      ], mailboxStatus),
    "relay/signed-part": taking(["id", "sealed", "encoded"], signedPart),
    "relay/one-time-batch": taking(["indexes", "sealed", "encoded"], oneTimeBatch),
    "relay/claimed-prekeys": taking(
      ["signed_part_id", "signed_part", "batch", "index", "one_time_part", "encoded"], claimedPrekeys),
    "relay/server-frame": taking(
      ["type", "restore_epoch", "nonce", "index", "id", "bytes", "reason", "encoded"], serverFrame),
    "relay/client-frame": taking(["type", "key", "signature", "index", "restore_epoch", "encoded"], clientFrame),
    "relay/stream-signature": taking(
      ["authority", "restore_epoch", "nonce", "seed", "mailbox", "frame"], streamSignature),
  ]

  /// Many inputs may be absent: a misspelt one must not look like that.
  private static func taking(_ names: Set<String>, _ operation: @escaping VectorOperation) -> VectorOperation {
    { fields in
      if let unknown = fields.values.keys.sorted().first(where: { !names.contains($0) }) {
        throw BadVector("\(fields.place) has an unknown input \"\(unknown)\"")
      }
      return try operation(fields)
    }
  }

  // MARK: Names

  private static func mailbox(_ fields: Fields) throws -> [String: VectorValue] {
    let bytes = try fields.bytes("public")
    guard let key = try? VerifyingKey(bytes) else { throw Refused(stage: "encoding") }
    return ["mailbox": .bytes(MailboxID(owner: key).bytes)]
  }

  private static func capability(_ fields: Fields) throws -> [String: VectorValue] {
    let bytes = try fields.bytes("capability")
    guard let capability = try? Capability(bytes) else { throw Refused(stage: "encoding") }
    return ["hash": .bytes(capability.hash.bytes)]
  }

  private static func authority(_ fields: Fields) throws -> [String: VectorValue] {
    guard let authority = RelayAuthority(try fields.text("authority")) else { throw Refused(stage: "encoding") }
    return ["origin": .text(authority.origin)]
  }

  // MARK: Signed requests

  /// What is signed is verified again.
  private static func sign(_ fields: Fields) throws -> [String: VectorValue] {
    let (method, route, authority) = try target(fields)
    let body = try fields.bytes("body")
    guard let key = try? SigningKey(seed: fields.secret("seed")) else { throw Refused(stage: "encoding") }
    var (sequence, listSequence): (UInt64?, UInt64?)
    var condition: CardCondition?
    for field in try headers(fields, "fields") {
      switch field.name {
      case HeaderName.sequence: sequence = DecimalNumber.decode(field.value)
      case HeaderName.listSequence: listSequence = DecimalNumber.decode(field.value)
      case HeaderName.ifMatch, HeaderName.ifNoneMatch: condition = CardCondition(field)
      default: throw BadVector("\(fields.place).fields has a header that is not covered")
      }
    }
    let request = OwnerRequest(
      method, route, at: authority, body: body, sequence: sequence, listSequence: listSequence, condition: condition)
    let created = Int64(try fields.number("created"))
    let signed = request.headers(signedBy: key, created: created)
    let verified = try verified(method, route, authority, body, signed, now: created)
    guard verified == key.publicKey.bytes else { throw BadVector("\(fields.place): another key") }
    func value(_ name: String) -> VectorValue { .text(signed.first { $0.name == name }?.value ?? "") }
    return [
      "content_digest": value(HeaderName.contentDigest),
      "base": .text(String(decoding: request.signatureBase(of: key.publicKey, created: created), as: UTF8.self)),
      "signature_input": value(HeaderName.signatureInput), "signature": value(HeaderName.signature),
    ]
  }

  private static func verify(_ fields: Fields) throws -> [String: VectorValue] {
    let (method, route, authority) = try target(fields)
    let key = try verified(
      method, route, authority, try fields.bytes("body"), try headers(fields, "headers"),
      now: Int64(try fields.number("now")))
    return ["key": .bytes(key)]
  }

  private static func verified(
    _ method: HTTPMethod, _ route: Route, _ authority: RelayAuthority, _ body: [UInt8], _ headers: [HeaderField],
    now: Int64
  ) throws -> [UInt8] {
    do throws(RequestRefusal) {
      let verified = try VerifiedOwnerRequest(
        method: method.rawValue, authority: authority, path: route.path, body: body, now: now,
        header: { name in headers.filter { $0.name == name }.map(\.value) })
      try verified.check(method, route)
      return verified.key.bytes
    } catch { throw Refused(stage: error.problem.rawValue) }
  }

  private static func target(_ fields: Fields) throws -> (HTTPMethod, Route, RelayAuthority) {
    guard let method = HTTPMethod(rawValue: try fields.text("method")),
      let route = Route(path: try fields.text("path")),
      let authority = RelayAuthority(try fields.text("authority"))
    else { throw BadVector("\(fields.place): no such method, path or authority") }
    return (method, route, authority)
  }

  private static func headers(_ fields: Fields, _ name: String) throws -> [HeaderField] {
    try fields.texts(name).map { line in
      guard let colon = line.firstRange(of: ": ") else { throw BadVector("\(fields.place).\(name) has no header line") }
      return HeaderField(String(line[..<colon.lowerBound]), String(line[colon.upperBound...]))
    }
  }

  // MARK: Bodies

  private static func capabilitySet(_ fields: Fields) throws -> [String: VectorValue] {
    try structure(fields, \.encoded, CapabilitySet.init(decoding:)) {
      let (classes, expires): ([CapabilityClass], [UInt64]) = (try classes(fields), try numbers(fields, "expires"))
      let hashes = try fields.byteLists("hashes").map { try Digest($0) }
      guard classes.count == hashes.count, classes.count == expires.count else { throw unequal(fields) }
      return try CapabilitySet(
        classes.indices.map {
          CapabilitySlot(classes[$0], hashes[$0], expires: expires[$0] == 0 ? nil : expires[$0])
        })
    }
  }

  private static func mailboxStatus(_ fields: Fields) throws -> [String: VectorValue] {
    try structure(fields, \.encoded, MailboxStatus.init(decoding:)) {
      MailboxStatus(
        sequence: try number(fields, "sequence"), restoreEpoch: try number(fields, "restore_epoch"),
        signedPart: fields.has("signed_part") ? try number(fields, "signed_part") : nil,
        oneTimeParts: try number(fields, "one_time_parts"),
        lastResortClaims: try number(fields, "last_resort_claims"), envelopes: try number(fields, "envelopes"),
        envelopeBytes: try number(fields, "envelope_bytes"), capabilities: try classes(fields))
    }
  }

  private static func signedPart(_ fields: Fields) throws -> [String: VectorValue] {
    try structure(fields, \.encoded, SignedPartUpload.init(decoding:)) {
      SignedPartUpload(id: try number(fields, "id"), sealed: try fields.bytes("sealed"))
    }
  }

  private static func oneTimeBatch(_ fields: Fields) throws -> [String: VectorValue] {
    try structure(fields, \.encoded, OneTimeUpload.init(decoding:)) {
      let (indexes, sealed): ([UInt32], [[UInt8]]) = (try numbers(fields, "indexes"), try fields.byteLists("sealed"))
      guard indexes.count == sealed.count else { throw unequal(fields) }
      return try OneTimeUpload(zip(indexes, sealed).map { OneTimePart(index: $0, sealed: $1) })
    }
  }

  private static func claimedPrekeys(_ fields: Fields) throws -> [String: VectorValue] {
    try structure(fields, \.encoded, ClaimedPrekeys.init(decoding:)) {
      let hasOneTime = ["batch", "index", "one_time_part"].contains(where: fields.has)
      return ClaimedPrekeys(
        signedPart: SignedPartUpload(id: try number(fields, "signed_part_id"), sealed: try fields.bytes("signed_part")),
        oneTime: hasOneTime
          ? .init(
            batch: try number(fields, "batch"), index: try number(fields, "index"),
            sealed: try fields.bytes("one_time_part")) : nil)
    }
  }

  // MARK: The stream

  private static func serverFrame(_ fields: Fields) throws -> [String: VectorValue] {
    try structure(fields, \.encoded, ServerFrame.init(decoding:)) {
      switch try fields.text("type") {
      case "challenge": return .challenge(try challenge(fields))
      case "envelope":
        return .envelope(
          index: try number(fields, "index"), id: try EnvelopeID(try fields.bytes("id")),
          bytes: try fields.bytes("bytes"))
      case "caught-up": return .caughtUp(index: try number(fields, "index"))
      case "closing":
        guard let reason = CloseReason(rawValue: try number(fields, "reason")) else { throw WireError.invalidValue }
        return .closing(reason)
      default: throw BadVector("\(fields.place).type is unknown")
      }
    }
  }

  private static func clientFrame(_ fields: Fields) throws -> [String: VectorValue] {
    try structure(fields, \.encoded, ClientFrame.init(decoding:)) {
      switch try fields.text("type") {
      case "authenticate":
        return .authenticate(key: try VerifyingKey(try fields.bytes("key")), signature: try fields.bytes("signature"))
      case "ack": return .ack(index: try number(fields, "index"), restoreEpoch: try number(fields, "restore_epoch"))
      default: throw BadVector("\(fields.place).type is unknown")
      }
    }
  }

  /// With `seed` it signs, and verifies again; otherwise it verifies.
  private static func streamSignature(_ fields: Fields) throws -> [String: VectorValue] {
    guard let authority = RelayAuthority(try fields.text("authority")) else { throw Refused(stage: "encoding") }
    let challenge = try challenge(fields)
    func check(_ frame: [UInt8], _ mailbox: MailboxID) throws {
      if let reason = challenge.refusal(of: frame, authority: authority, mailbox: mailbox) {
        throw Refused(stage: reason.name)
      }
    }
    guard fields.has("seed") else {
      try check(try fields.bytes("frame"), try MailboxID(try fields.bytes("mailbox")))
      return [:]
    }
    guard let key = try? SigningKey(seed: fields.secret("seed")) else { throw Refused(stage: "encoding") }
    let mailbox = MailboxID(owner: key.publicKey)
    let frame = challenge.answer(authority: authority, signedBy: key).encoded
    try check(frame, mailbox)
    return ["message": .bytes(challenge.message(authority: authority, mailbox: mailbox)), "frame": .bytes(frame)]
  }

  private static func challenge(_ fields: Fields) throws -> StreamChallenge {
    try StreamChallenge(restoreEpoch: try number(fields, "restore_epoch"), nonce: try fields.bytes("nonce"))
  }

  // MARK: Reading cases

  /// Encodes what `value` reads from the fields, or decodes the field `encoded`. What was encoded is decoded again, and
  /// what was decoded is encoded.
  private static func structure<T: Equatable>(
    _ fields: Fields, _ encode: (T) -> [UInt8], _ decode: ([UInt8]) throws(WireError) -> T, _ value: () throws -> T
  ) throws -> [String: VectorValue] {
    do {
      if fields.has("encoded") { return ["encoded": .bytes(encode(try decode(try fields.bytes("encoded"))))] }
      let value = try value()
      let bytes = encode(value)
      guard try decode(bytes) == value else { throw BadVector("\(fields.place): decoded as another value") }
      return ["encoded": .bytes(bytes)]
    } catch let error as WireError {
      throw Refused(stage: "encoding", reason: error.reason)
    } catch is CryptoError {
      throw Refused(stage: "encoding")
    }
  }

  private static let classNames: [String: CapabilityClass] = [
    "knock": .knock, "contact": .contact, "retiring": .retiring,
  ]

  private static func classes(_ fields: Fields) throws -> [CapabilityClass] {
    try fields.texts("classes").map { name in
      guard let kind = classNames[name] else { throw BadVector("\(fields.place).classes has an unknown class") }
      return kind
    }
  }

  private static func number<T: FixedWidthInteger>(_ fields: Fields, _ name: String) throws -> T {
    guard let number = T(exactly: try fields.number(name)) else {
      throw BadVector("\(fields.place).\(name) is out of range")
    }
    return number
  }

  /// In lists numbers stand as decimal text.
  private static func numbers<T: FixedWidthInteger>(_ fields: Fields, _ name: String) throws -> [T] {
    try fields.texts(name).map { text in
      guard let number = T(text) else { throw BadVector("\(fields.place).\(name) is out of range") }
      return number
    }
  }

  private static func unequal(_ fields: Fields) -> BadVector {
    BadVector("\(fields.place) has lists of unequal length")
  }
}
