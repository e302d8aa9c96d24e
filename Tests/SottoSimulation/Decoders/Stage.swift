import SottoCrypto
import SottoSession
import SottoWire

/// Two people whose keys never change, for promises that seal and sign what they are given. Nothing here is mutated once it
/// is made, so decoders on several threads share it.
final class Stage: @unchecked Sendable {
  static let shared = Stage()

  let now: UnixTime = 20_000 * 86_400
  let alice: Person
  let bob: Person
  /// Bob's prekeys, with a one-time part.
  let bundle: VerifiedBundle
  /// Of the keys with which cards and prekeys of Bob are sealed.
  let bobKeys: SecretBox

  private init() {
    alice = try! Person(seed: 1, now: now)
    bob = try! Person(seed: 2, now: now)
    bobKeys = SecretBox(ContactKeys(bob.address).cardKey().bytes())
    bundle = try! bob.bundle(now: now)
  }

  /// What bytes of the encoding a bundle is made of.
  func sealingKey() -> SealingKey { SealingKey(bobKeys.secret.copy()) }
}
