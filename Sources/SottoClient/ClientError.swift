/// What went wrong, said for the person at the keyboard: what happened, what it means, what to do next.
///
/// The code's raw value is stable, for programs; its exit status follows sysexits.
public struct ClientError: Error, Equatable, Sendable {
  /// The kind of failure. Raw values stand in JSON output and do not change.
  public enum Code: String, Sendable, CaseIterable {
    case usage
    case addressMistyped = "address-mistyped"
    case badData = "bad-data"
    case unknownContact = "unknown-contact"
    case cardRefused = "card-refused"
    case noIdentity = "no-identity"
    case unreadable
    case relayUnavailable = "relay-unavailable"
    case `internal`
    case cannotCreate = "cannot-create"
    case io
    case locked
    case queued
    case relayNonsense = "relay-nonsense"
    case wrongPassphrase = "wrong-passphrase"
    case refused
    case newerStore = "newer-store"
    case configuration
    case signInUnavailable = "sign-in-unavailable"
    case signInExpired = "sign-in-expired"
    case signInNonsense = "sign-in-nonsense"
    case signInRefused = "sign-in-refused"

    /// The exit status of a program that ends with this error.
    public var exitStatus: Int32 {
      switch self {
      case .usage: 64
      case .addressMistyped, .badData, .unknownContact, .cardRefused: 65
      case .noIdentity, .unreadable: 66
      case .relayUnavailable, .signInUnavailable: 69
      case .internal: 70
      case .cannotCreate: 73
      case .io: 74
      case .locked, .queued, .signInExpired: 75
      case .relayNonsense, .signInNonsense: 76
      case .wrongPassphrase, .refused, .signInRefused: 77
      case .newerStore, .configuration: 78
      }
    }
  }

  /// The kind of failure.
  public let code: Code
  /// What happened, in one sentence.
  public let message: String
  /// What it means for the user's data and messages.
  public let meaning: String
  /// What to do next.
  public let next: String

  public init(_ code: Code, _ message: String, meaning: String, next: String) {
    self.code = code
    self.message = message
    self.meaning = meaning
    self.next = next
  }
}
