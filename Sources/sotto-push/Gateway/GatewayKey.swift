internal import Foundation
internal import JWTKit
package import SottoCrypto
package import SottoRelay
internal import SottoWire

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
      try SecretFile.make(at: key) {
        var entropy = SystemEntropy()
        return Hex.encode(AgreementPrivateKey(from: &entropy).secret.revealed()) + "\n"
      }
      try SecretFile.make(at: webPush) { ES256PrivateKey().pemRepresentation + "\n" }
    } catch {
      throw StartFailure(
        73, "Cannot write to \(folder).", "The keys are not complete.", "Make it writable, or name another.")
    }
    return (key, webPush)
  }
}
