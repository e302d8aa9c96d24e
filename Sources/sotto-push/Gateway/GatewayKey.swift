internal import Foundation
internal import JWTKit
package import SottoCrypto
package import SottoRelay

/// The gateway's key: what devices seal to. In a file, 64 hexadecimal digits and a line's end.
package enum GatewayKey {
  package static func read(_ path: String) throws(StartFailure) -> AgreementPrivateKey {
    let secret: Secret
    do throws(SecretFile.Fault) {
      secret = try SecretFile.digits(at: path, count: 32)
    } catch {
      throw .unusable(.key, error == .unreadable ? "\(path) cannot be read" : "it is not 64 hexadecimal digits")
    }
    guard let key = try? AgreementPrivateKey(secret) else { throw .unusable(.key, "it is no key") }
    return key
  }

  /// Makes both keys of a gateway in a folder, unless they are there. What was there stays: devices have sealed to it.
  package static func make(in folder: String) throws(StartFailure) -> (key: String, webPush: String) {
    let (key, webPush) = (folder + "/gateway.key", folder + "/web-push.pem")
    do {
      try SecretFile.make(at: key) {
        var entropy = SystemEntropy()
        return AgreementPrivateKey(from: &entropy).secret.digits()
      }
      // The library says a key's PEM as a String alone. It goes at once, unwiped.
      try SecretFile.make(at: webPush) { Secret(copying: Array(ES256PrivateKey().pemRepresentation.utf8)) }
    } catch {
      throw StartFailure(
        73, "Cannot write to \(folder).", "The keys are not complete.", "Make it writable, or name another.")
    }
    return (key, webPush)
  }
}
