internal import Foundation
package import SottoCrypto
internal import SottoWire

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#elseif canImport(Darwin)
  internal import Darwin
#endif

/// The secret of a relay that does not let everybody in, the same for all relays with one store: in a file, 64 hexadecimal
/// digits and a line's end. Three keys come from it. [token.1]
package final class RegistrationSecret: Sendable {
  private let secret: Secret

  private init(_ secret: consuming Secret) { self.secret = secret }

  package static func read(_ path: String) throws(StartFailure) -> RegistrationSecret {
    guard let data = FileManager.default.contents(atPath: path) else { throw .registrationKeyMissing(path) }
    var digits = [UInt8](data)
    while let last = digits.last, last == UInt8(ascii: "\n") || last == UInt8(ascii: "\r") { digits.removeLast() }
    guard let bytes = Hex.decode(String(decoding: digits, as: UTF8.self)), bytes.count == 32 else {
      throw .registrationKeyUnusable(path)
    }
    return RegistrationSecret(Secret(copying: bytes))
  }

  /// Makes the file, for its owner's eyes alone from the first byte on; one that is there stays.
  package static func make(at path: String) throws(StartFailure) {
    var entropy = SystemEntropy()
    let text = Hex.encode(Secret(count: 32, from: &entropy).revealed()) + "\n"
    do {
      try FileManager.default.createDirectory(
        atPath: (path as NSString).deletingLastPathComponent, withIntermediateDirectories: true,
        attributes: [.posixPermissions: 0o700])
      if FileManager.default.fileExists(atPath: path) { return }
      // Whole, or not there: by another name first.
      let new = path + ".\(UInt32.random(in: 0 ... .max))"
      let file = unsafe open(new, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
      guard file >= 0 else { throw CocoaError(.fileWriteUnknown) }
      defer { unsafe unlink(new) }
      let handle = FileHandle(fileDescriptor: file, closeOnDealloc: true)
      try handle.write(contentsOf: Data(text.utf8))
      try handle.synchronize()
      guard unsafe link(new, path) == 0 || errno == EEXIST else { throw CocoaError(.fileWriteUnknown) }
      let folder = unsafe open((path as NSString).deletingLastPathComponent + "/.", O_RDONLY | O_CLOEXEC)
      if folder >= 0 { try FileHandle(fileDescriptor: folder, closeOnDealloc: true).synchronize() }
    } catch { throw .cannotCreate(path) }
  }

  /// What invitations are signed with.
  package func forInvitations() -> Secret { PRF.derive(secret, "registration invitations").a() }
  /// What the names of accounts are hashed with: who has the store alone cannot try names.
  func forAccounts() -> Secret { PRF.derive(secret, "registration accounts").a() }
  /// What keys that sign tokens are sealed with in the store.
  func forTokenKeys() -> SealingKey { SealingKey(PRF.derive(secret, "registration token keys").a()) }
}
