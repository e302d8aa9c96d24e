/// Every error of the relay, as an RFC 9457 problem document with fixed text: nothing of the request is in it. [relay.10] [leakage.5]
public enum Problem: String, Error, Sendable, CaseIterable {
  case requestMalformed = "request-malformed"
  case digestMismatch = "digest-mismatch"
  case signatureMissing = "signature-missing"
  case signatureRefused = "signature-refused"
  case clockSkew = "clock-skew"
  case tokenRequired = "token-required"
  case tokenRefused = "token-refused"
  case credentialRefused = "credential-refused"
  case deliveryRefused = "delivery-refused"
  case notFound = "not-found"
  case mailboxMissing = "mailbox-missing"
  case prekeysMissing = "prekeys-missing"
  case methodNotAllowed = "method-not-allowed"
  case sequenceStale = "sequence-stale"
  case prekeyConflict = "prekey-conflict"
  case blobConflict = "blob-conflict"
  case offsetMismatch = "offset-mismatch"
  case cardConflict = "card-conflict"
  case bodyTooLarge = "body-too-large"
  case rangeUnsatisfiable = "range-unsatisfiable"
  case misdirected = "misdirected"
  case upgradeRequired = "upgrade-required"
  case tooManyRequests = "too-many-requests"
  case tokensExhausted = "tokens-exhausted"
  case headersTooLarge = "headers-too-large"
  case internalError = "internal-error"
  case unavailable = "unavailable"
  case mailboxFull = "mailbox-full"
  case prekeysFull = "prekeys-full"
  case blobsFull = "blobs-full"
  case storageFull = "storage-full"

  /// The `type` member: a URI that is compared, never fetched.
  public var type: String { "urn:sotto:problem:" + rawValue }
  /// The HTTP status, also the `status` member.
  public var status: Int { facts.status }
  /// A few words.
  public var title: String { facts.title }
  /// What it means and what to do next.
  public var detail: String { facts.detail }

  /// The media type of the document.
  public static let mediaType = "application/problem+json"

  /// The document. The texts are ours and hold nothing that JSON would escape. [relay.10]
  public var document: String {
    #"{"type":"\#(type)","title":"\#(title)","status":\#(status),"detail":"\#(detail)"}"#
  }

  /// Reads the problem out of a document: the first known type in it.
  public init?(document: String) {
    guard let found = Self.allCases.first(where: { document.contains("\"" + $0.type + "\"") }) else { return nil }
    self = found
  }

  private var facts: (status: Int, title: String, detail: String) {
    switch self {
    case .requestMalformed:
      (400, "Malformed request", "A header or the body is not what this route takes. Do not repeat it unchanged.")
    case .digestMismatch:
      (400, "Digest mismatch", "The body is not the one that Content-Digest names. Send it again.")
    case .signatureMissing:
      (401, "Signature missing", "Only the owner may ask this. Sign the request with the owner's key.")
    case .signatureRefused:
      (401, "Signature refused", "The signature is not the owner's over this request. Do not repeat it unchanged.")
    case .clockSkew:
      (401, "Clock skew", "The signature was made more than 300 seconds from now. Set the clock and sign again.")
    case .tokenRequired:
      (401, "Token required", "Not everybody may create this here. Get a token from /v1/tokens and show it.")
    case .tokenRefused:
      (401, "Token refused", "The token was spent before, or is not this relay's. Show another.")
    case .credentialRefused:
      (401, "Credential refused", "The invitation or sign-in is not valid here, or not any more. Get a new one.")
    case .deliveryRefused:
      (403, "Delivery refused", "There is no mailbox here that this capability opens. Ask its owner for another.")
    case .notFound: (404, "Not found", "There is nothing here.")
    case .mailboxMissing: (404, "No such mailbox", "The mailbox does not exist. Create it first.")
    case .prekeysMissing:
      (404, "No prekeys", "The owner has not uploaded a signed part yet. Try again later.")
    case .methodNotAllowed: (405, "Method not allowed", "This route takes the methods that Allow lists.")
    case .sequenceStale:
      (409, "Sequence is stale", "Sotto-Sequence must be greater than the one in this answer's Sotto-Sequence header.")
    case .prekeyConflict:
      (409, "Prekeys conflict", "This id was used for other prekeys, or a greater one was. Use a greater id.")
    case .blobConflict:
      (409, "Blob conflict", "The name is in use for another upload. Draw a new one.")
    case .offsetMismatch:
      (409, "Offset mismatch", "The upload goes on at the byte in this answer's Upload-Offset header.")
    case .cardConflict:
      (412, "Card conflict", "The stored card is not the one that this request replaces. Read it, then decide.")
    case .bodyTooLarge: (413, "Body too large", "The body is longer than this route takes.")
    case .rangeUnsatisfiable:
      (416, "Range unsatisfiable", "The blob ends before this range. Its length is in this answer's Content-Range.")
    case .misdirected: (421, "Misdirected request", "This relay does not serve the name in the Host header.")
    case .upgradeRequired: (426, "Upgrade required", "This route is a WebSocket, opened on a new connection.")
    case .tooManyRequests: (429, "Too many requests", "Wait for the seconds in Retry-After, then try again.")
    case .tokensExhausted:
      (429, "Tokens exhausted", "There are no more tokens for this account now. Retry-After says when there are.")
    case .headersTooLarge: (431, "Headers too large", "The headers are longer than the relay takes.")
    case .internalError: (500, "Internal error", "The relay failed. Try again later.")
    case .unavailable: (503, "Unavailable", "The relay is starting or stopping. Try again in a few seconds.")
    case .mailboxFull:
      (507, "Mailbox full", "The mailbox holds as much as it may for this capability. Try again later.")
    case .prekeysFull:
      (507, "Prekeys full", "The mailbox may hold 256 one-time parts. Upload fewer, or withdraw the old ones first.")
    case .blobsFull:
      (507, "Blobs full", "The mailbox has as many attachments as it may. Try again later, or send a smaller one.")
    case .storageFull: (507, "Storage full", "The relay has no room left. Try again later.")
    }
  }
}
