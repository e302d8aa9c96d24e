internal import Foundation
package import SottoCrypto

/// The secret of a relay that does not let everybody in, the same for all relays with one store: in a file, 64 hexadecimal
/// digits and a line's end. Three keys come from it. [token.1]
package final class RegistrationSecret: Sendable {
  private let secret: Secret

  private init(_ secret: consuming Secret) { self.secret = secret }

  package static func read(_ path: String) throws(StartFailure) -> RegistrationSecret {
    do throws(SecretFile.Fault) {
      return RegistrationSecret(try SecretFile.digits(at: path, count: 32))
    } catch {
      throw error == .unreadable ? .registrationKeyMissing(path) : .registrationKeyUnusable(path)
    }
  }

  /// Makes the file; one that is there stays.
  package static func make(at path: String) throws(StartFailure) {
    do {
      try SecretFile.make(at: path) {
        var entropy = SystemEntropy()
        return Secret(count: 32, from: &entropy).digits()
      }
    } catch { throw .registrationKeyNotMade(path) }
  }

  /// What invitations are signed with.
  package func forInvitations() -> Secret { PRF.derive(secret, "registration invitations").a() }
  /// What the names of accounts are hashed with: who has the store alone cannot try names.
  func forAccounts() -> Secret { PRF.derive(secret, "registration accounts").a() }
  /// What keys that sign tokens are sealed with in the store.
  func forTokenKeys() -> SealingKey { SealingKey(PRF.derive(secret, "registration token keys").a()) }
}
