package import SottoCrypto

/// The keys that tokens are signed with, one for each epoch. The store has them, sealed; whoever asks for one that was asked
/// for before has it from memory. [token.1]
package actor TokenKeys {
  private let ledger: any RegistrationLedger
  private let sealingKey: SealingKey
  private var keys: [Int64: BlindSigningKey] = [:]
  /// Keys that are being looked for, or made: once, whoever waits.
  private var pending: [Int64: Task<BlindSigningKey?, any Error>] = [:]
  /// Keys that were made and that the store could not keep, because its disk was full: sealed, as it is to have them. To make
  /// one takes a core for a second, and anybody may ask.
  private var unkept: [Int64: [UInt8]] = [:]

  package init(_ ledger: any RegistrationLedger, _ secret: RegistrationSecret) {
    self.ledger = ledger
    sealingKey = secret.forTokenKeys()
  }

  /// The key of an epoch; nil when it is over, or not begun, and has none. The first relay that needs one makes it.
  /// Throws `otherRegistrationKey` when the store has one that is not sealed with our secret.
  package func key(_ epoch: Int64, making isMade: Bool) async throws -> BlindSigningKey? {
    if let key = keys[epoch] { return key }
    guard isMade else { return keep(try await Self.find(epoch, in: ledger, sealingKey), of: epoch) }
    if let task = pending[epoch] { return try await task.value }
    // Beside the actor: to make one takes a second at worst, and others have their keys.
    let (ledger, sealing, unkept) = (ledger, SealingBox(key: sealingKey.copy()), unkept[epoch])
    let task = Task.detached { () -> BlindSigningKey? in
      if let key = try await Self.find(epoch, in: ledger, sealing.key) { return key }
      let made: [UInt8]
      if let unkept {
        made = unkept
      } else {
        made = try Self.make(epoch, sealing.key)
        await self.hold(made, of: epoch)
      }
      return try Self.open(try await ledger.keepTokenKey(epoch, made), epoch, sealing.key)
    }
    pending[epoch] = task
    defer { pending[epoch] = nil }
    return keep(try await task.value, of: epoch)
  }

  private final class SealingBox: Sendable {
    let key: SealingKey
    init(key: consuming SealingKey) { self.key = key }
  }

  private func keep(_ key: BlindSigningKey?, of epoch: Int64) -> BlindSigningKey? {
    guard let key else { return nil }
    keys[epoch] = key
    keys = keys.filter { $0.key >= epoch - 1 }
    unkept = unkept.filter { $0.key > epoch }
    return key
  }

  private func hold(_ sealed: [UInt8], of epoch: Int64) { unkept[epoch] = sealed }

  /// A new one, sealed.
  private static func make(_ epoch: Int64, _ sealing: borrowing SealingKey) throws -> [UInt8] {
    var entropy = SystemEntropy()
    return sealing.seal(try BlindSigningKey().encoded, ad: bytes(epoch), from: &entropy)
  }

  private static func find(
    _ epoch: Int64, in ledger: any RegistrationLedger, _ sealing: borrowing SealingKey
  ) async throws -> BlindSigningKey? {
    guard let sealed = try await ledger.tokenKey(epoch) else { return nil }
    return try open(sealed, epoch, sealing)
  }

  private static func open(
    _ sealed: [UInt8], _ epoch: Int64, _ sealing: borrowing SealingKey
  ) throws -> BlindSigningKey {
    guard let secret = try? sealing.openSecret(sealed, ad: bytes(epoch)), let key = try? BlindSigningKey(secret) else {
      throw StartFailure.otherRegistrationKey
    }
    return key
  }

  private static func bytes(_ epoch: Int64) -> [UInt8] {
    unsafe withUnsafeBytes(of: epoch.bigEndian) { unsafe Array($0) }
  }

  /// The keys that count: the first signs.
  package func all(_ now: Int64) async throws -> [BlindSigningKey] {
    var found: [BlindSigningKey] = []
    for (place, epoch) in RegistrationRules.epochsThatCount(now).enumerated() {
      if let key = try await key(epoch, making: place == 0) { found.append(key) }
    }
    return found
  }
}
