/// What an ID token says, verified.
package struct SignedIn: Equatable, Sendable {
  /// Who, at this provider: 1 to 255 printable ASCII characters.
  package let subject: String
  /// What the client put into its request, if the token says it.
  package let nonce: String?

  package init(subject: String, nonce: String?) { (self.subject, self.nonce) = (subject, nonce) }
}

/// Why nobody is signed in.
package enum IDTokenRefusal: Error, Equatable, Sendable {
  /// The token does not do, whenever it is shown. A client is told no more than that; the fault is for the operator.
  case refused(IDTokenFault)
  /// The provider's keys are not known: the same token may do later.
  case providerUnavailable
}

/// What is wrong with a token. It names nothing of what the token says.
package enum IDTokenFault: String, CaseIterable, Sendable {
  case tooLong = "too long"
  /// Not three parts in base64url.
  case encoding
  /// Not one JSON object, or with a member that no ID token has.
  case header
  /// None that an ID token may be signed with, or not the key's own.
  case algorithm
  /// No key of this name, or no name where there are several keys.
  case unknownKey = "unknown key"
  case signature
  /// Not one JSON object.
  case payload
  case issuer
  case audience
  case expiry
  case issueTime = "issue time"
  case notBefore = "not before"
  case subject
  case nonce
}
