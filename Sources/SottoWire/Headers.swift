/// The names of the headers that mean something here, in lower case.
public enum HeaderName {
  /// RFC 9530: `sha-256=:base64:`.
  public static let contentDigest = "content-digest"
  /// RFC 9421: `sotto=:base64:`.
  public static let signature = "signature"
  /// RFC 9421: the covered components and parameters.
  public static let signatureInput = "signature-input"
  /// The owner's sequence number of a mutation.
  public static let sequence = "sotto-sequence"
  /// The sequence of the device list inside a card.
  public static let listSequence = "sotto-list-sequence"
  /// A capability, 64 hexadecimal digits.
  public static let capability = "sotto-capability"
  /// The list sequence that a card replaces, as an entity tag.
  public static let ifMatch = "if-match"
  /// RFC 9110 section 11.6.2: what entitles to something, other than being the owner.
  public static let authorization = "authorization"
  /// Until when a mailbox is paid for: Unix time in seconds, the end of a day. [token.13]
  public static let lease = "sotto-lease"
  /// `*`: only if there is no card yet.
  public static let ifNoneMatch = "if-none-match"
  /// The length of a blob that is to be uploaded, in bytes.
  public static let uploadLength = "upload-length"
  /// How many bytes of an upload the relay has, and where the next ones begin.
  public static let uploadOffset = "upload-offset"
  /// RFC 9110 section 14.2: which bytes of a blob are asked for.
  public static let range = "range"
  /// RFC 9110 section 13.1.5: the entity tag that the range belongs to.
  public static let ifRange = "if-range"
}

/// One header line: the name in lower case, the value without surrounding space.
public struct HeaderField: Hashable, Sendable {
  public let name: String
  public let value: String

  public init(_ name: String, _ value: String) {
    self.name = name
    self.value = value
  }
}

/// The methods that any route knows.
public enum HTTPMethod: String, Sendable, CaseIterable {
  case get = "GET"
  case head = "HEAD"
  case put = "PUT"
  case patch = "PATCH"
  case post = "POST"
  case delete = "DELETE"
}

/// What must be true of the stored card for a PUT to happen. [relay.21]
public enum CardCondition: Hashable, Sendable {
  /// `If-None-Match: *`: there is none.
  case absent
  /// `If-Match: "n"`: there is one, with list sequence n.
  case replaces(UInt64)

  /// The header that carries it.
  public var field: HeaderField {
    switch self {
    case .absent: HeaderField(HeaderName.ifNoneMatch, "*")
    case .replaces(let sequence): HeaderField(HeaderName.ifMatch, Self.tag(sequence))
    }
  }

  public init?(_ field: HeaderField) {
    switch field.name {
    case HeaderName.ifNoneMatch where field.value == "*": self = .absent
    case HeaderName.ifMatch:
      guard field.value.utf8.count >= 2, field.value.hasPrefix("\""), field.value.hasSuffix("\""),
        let sequence = DecimalNumber.decode(field.value.dropFirst().dropLast())
      else { return nil }
      self = .replaces(sequence)
    default: return nil
    }
  }

  /// The entity tag of a card with this list sequence: `"17"`.
  public static func tag(_ listSequence: UInt64) -> String { "\"\(listSequence)\"" }
}
