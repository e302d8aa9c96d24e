/// Every path of the relay, for both sides: what one builds the other parses. [relay.9]
public enum Route: Hashable, Sendable {
  /// The process runs.
  case live
  /// The process takes requests.
  case ready
  /// Which keys sign tokens, and what has to be shown for one. [token.2]
  case tokenKeys
  /// Signs tokens, blindly: POST by whoever shows that it may have some. [token.6]
  case tokens
  /// A card: GET by anyone, PUT and DELETE by the holder of its key.
  case card(CardID)
  /// A mailbox: PUT creates, GET answers its status, DELETE removes everything.
  case mailbox(MailboxID)
  /// The whole set of delivery capabilities.
  case capabilities(MailboxID)
  /// The signed part of the prekeys.
  case signedPart(MailboxID)
  /// All one-time parts: DELETE withdraws them.
  case oneTimeParts(MailboxID)
  /// One batch of one-time parts.
  case batch(MailboxID, UInt64)
  /// Hands out prekeys to a sender.
  case claim(MailboxID)
  /// One envelope, put by a sender.
  case envelope(MailboxID, EnvelopeID)
  /// How the owner's device is woken.
  case push(MailboxID)
  /// The owner's WebSocket.
  case stream(MailboxID)
  /// The senders' WebSocket.
  case send
  /// All uploads to a mailbox: DELETE removes them.
  case uploads(MailboxID)
  /// One upload: PUT claims its place, PATCH appends, by a sender; DELETE by the owner.
  case upload(MailboxID, BlobID)
  /// A whole blob: anyone who knows its name reads it.
  case blob(BlobID)

  /// As it stands in a request line; it has no query.
  public var path: String {
    switch self {
    case .live: "/livez"
    case .ready: "/readyz"
    case .tokenKeys: "/.well-known/private-token-issuer-directory"
    case .tokens: "/v1/tokens"
    case .card(let id): "/v1/cards/\(id.text)"
    case .mailbox(let id): "/v1/mailboxes/\(id.text)"
    case .capabilities(let id): "/v1/mailboxes/\(id.text)/capabilities"
    case .signedPart(let id): "/v1/mailboxes/\(id.text)/prekeys/signed-part"
    case .oneTimeParts(let id): "/v1/mailboxes/\(id.text)/prekeys/one-time"
    case .batch(let id, let batch): "/v1/mailboxes/\(id.text)/prekeys/one-time/\(batch)"
    case .claim(let id): "/v1/mailboxes/\(id.text)/prekeys/claim"
    case .envelope(let id, let envelope): "/v1/mailboxes/\(id.text)/envelopes/\(envelope.text)"
    case .push(let id): "/v1/mailboxes/\(id.text)/push"
    case .stream(let id): "/v1/mailboxes/\(id.text)/stream"
    case .send: "/v1/send"
    case .uploads(let id): "/v1/mailboxes/\(id.text)/blobs"
    case .upload(let id, let blob): "/v1/mailboxes/\(id.text)/blobs/\(blob.text)"
    case .blob(let blob): "/v1/blobs/\(blob.text)"
    }
  }

  /// nil for anything but the one spelling: no query, no escapes, no other case, no trailing slash. [relay.9]
  public init?(path: String) {
    guard path.utf8.count <= WireLimits.path, path.utf8.first == UInt8(ascii: "/") else { return nil }
    let parts = path.utf8.dropFirst().slices(at: "/")
    func isPart(_ index: Int, _ text: StaticString) -> Bool { parts.count > index && parts[index].isText(text) }
    func id(_ index: Int) -> UInt128? { Hex.number(parts[index]) }
    switch parts.count {
    case 1 where isPart(0, "livez"): self = .live
    case 1 where isPart(0, "readyz"): self = .ready
    case 2 where isPart(0, "v1") && isPart(1, "send"): self = .send
    case 2 where isPart(0, "v1") && isPart(1, "tokens"): self = .tokens
    case 2 where isPart(0, ".well-known") && isPart(1, "private-token-issuer-directory"): self = .tokenKeys
    case 3 where isPart(0, "v1") && isPart(1, "cards"):
      guard let id = id(2) else { return nil }
      self = .card(CardID(number: id))
    case 3 where isPart(0, "v1") && isPart(1, "blobs"):
      guard let id = id(2) else { return nil }
      self = .blob(BlobID(number: id))
    case 3... where isPart(0, "v1") && isPart(1, "mailboxes"):
      guard let id = id(2), let route = Self.inside(MailboxID(number: id), parts[3...]) else { return nil }
      self = route
    default: return nil
    }
  }

  private static func inside(_ id: MailboxID, _ parts: ArraySlice<Substring.UTF8View>) -> Route? {
    let last = parts.last
    func isPart(_ index: Int, _ text: StaticString) -> Bool { parts[parts.startIndex + index].isText(text) }
    switch parts.count {
    case 0: return .mailbox(id)
    case 1 where isPart(0, "capabilities"): return .capabilities(id)
    case 1 where isPart(0, "push"): return .push(id)
    case 1 where isPart(0, "stream"): return .stream(id)
    case 1 where isPart(0, "blobs"): return .uploads(id)
    case 2 where isPart(0, "envelopes"):
      return last.flatMap(Hex.number).map { .envelope(id, EnvelopeID(number: $0)) }
    case 2 where isPart(0, "blobs"): return last.flatMap(Hex.number).map { .upload(id, BlobID(number: $0)) }
    case 2 where isPart(0, "prekeys") && isPart(1, "signed-part"): return .signedPart(id)
    case 2 where isPart(0, "prekeys") && isPart(1, "one-time"): return .oneTimeParts(id)
    case 2 where isPart(0, "prekeys") && isPart(1, "claim"): return .claim(id)
    case 3 where isPart(0, "prekeys") && isPart(1, "one-time"):
      return last.flatMap { DecimalNumber.decode(Substring($0)) }.map { .batch(id, $0) }
    default: return nil
    }
  }

  /// The mailbox that it belongs to.
  public var mailbox: MailboxID? {
    switch self {
    case .live, .ready, .tokenKeys, .tokens, .card, .send, .blob: nil
    case .mailbox(let id), .capabilities(let id), .signedPart(let id), .oneTimeParts(let id), .batch(let id, _),
      .claim(let id), .envelope(let id, _), .push(let id), .stream(let id), .uploads(let id), .upload(let id, _):
      id
    }
  }

  /// What may be asked of it.
  public var methods: [HTTPMethod] {
    switch self {
    case .live, .ready, .tokenKeys, .stream, .send: [.get]
    case .card, .mailbox: [.get, .put, .delete]
    case .capabilities, .signedPart, .batch, .envelope: [.put]
    case .oneTimeParts, .uploads: [.delete]
    case .push: [.put, .delete]
    case .upload: [.put, .patch, .delete]
    case .blob: [.get, .head]
    case .claim, .tokens: [.post]
    }
  }

  /// The largest body that it takes, in bytes.
  public func bodyLimit(_ method: HTTPMethod) -> Int {
    switch (self, method) {
    case (.card, .put): WireLimits.card
    case (.capabilities, _): WireLimits.capabilitySet
    case (.signedPart, _): WireLimits.signedPart + 16
    case (.batch, _): WireLimits.batch
    case (.envelope, _): SizeClass.k64.rawValue
    case (.tokens, _): WireLimits.tokens * TokenRequest.count
    case (.push, .put): WireLimits.pushSubscription
    case (.upload, .patch): BlobLength.largest.bytes
    default: 0
    }
  }
}

extension Substring.UTF8View {
  /// Byte for byte: to Swift's strings other bytes can be equal too.
  fileprivate func isText(_ text: StaticString) -> Bool {
    guard count == text.utf8CodeUnitCount else { return false }
    return text.withUTF8Buffer { unsafe elementsEqual($0) }
  }
}
