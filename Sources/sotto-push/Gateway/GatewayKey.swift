internal import Foundation
internal import JWTKit
package import SottoCrypto
package import SottoRelay
internal import SottoWire

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#elseif canImport(Darwin)
  internal import Darwin
#endif

/// The gateway's key: what devices seal to. In a file, 64 hexadecimal digits and a line's end.
package enum GatewayKey {
  package static func read(_ path: String) throws(StartFailure) -> AgreementPrivateKey {
    guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
      throw .unusable(.key, "\(path) cannot be read")
    }
    guard let bytes = Hex.decode(text.trimmingCharacters(in: .whitespacesAndNewlines)),
      let key = try? AgreementPrivateKey(Secret(copying: bytes))
    else { throw .unusable(.key, "it is not 64 hexadecimal digits") }
    return key
  }

  /// Makes both keys of a gateway in a folder, unless they are there. What was there stays: devices have sealed to it.
  package static func make(in folder: String) throws(StartFailure) -> (key: String, webPush: String) {
    let (key, webPush) = (folder + "/gateway.key", folder + "/web-push.pem")
    do {
      try FileManager.default.createDirectory(
        atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
      if !FileManager.default.fileExists(atPath: key) {
        var entropy = SystemEntropy()
        try write(Hex.encode(AgreementPrivateKey(from: &entropy).secret.revealed()) + "\n", to: key)
      }
      if !FileManager.default.fileExists(atPath: webPush) {
        try write(ES256PrivateKey().pemRepresentation + "\n", to: webPush)
      }
    } catch {
      throw StartFailure(
        73, "Cannot write to \(folder).", "The keys are not complete.", "Make it writable, or name another.")
    }
    return (key, webPush)
  }

  /// For its owner's eyes alone, from the first byte on.
  private static func write(_ text: String, to path: String) throws {
    let file = unsafe open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    guard file >= 0 else { throw CocoaError(.fileWriteUnknown) }
    let handle = FileHandle(fileDescriptor: file, closeOnDealloc: true)
    try handle.write(contentsOf: Data(text.utf8))
    try handle.synchronize()
  }
}
