internal import SottoCrypto

/// What a relay that does not let everybody in has to remember, together with all others that have its store. It is a part
/// of `RelayStore`, whose words about durability and errors hold here too. [token.7] [token.9]
package protocol RegistrationLedger: Sendable {
  /// The sealed key of an epoch; nil when there is none yet.
  func tokenKey(_ epoch: Int64) async throws -> [UInt8]?
  /// Keeps the first that anybody brings for the epoch, and answers which that is.
  func keepTokenKey(_ epoch: Int64, _ sealed: [UInt8]) async throws -> [UInt8]
  /// Counts tokens that are about to be signed. Throws a `Refusal` when they must not be: `tokensExhausted`, or
  /// `credentialRefused` for what was shown before.
  func issue(_ asked: Issuance) async throws
  /// Nothing has to be paid for from now on. [token.13]
  func forgiveLeases() async throws
}
