// What can be wrong with a certificate and its key. All of it is exit code 78 (73 when one is to be written), and a
// running relay keeps the ones that it has.

extension StartFailure {
  private static let unserved = "Without it no client can reach the relay over TLS, so nothing was started."

  static func unreadableCertificate(_ path: String) -> StartFailure {
    StartFailure(
      78, "Cannot read the certificate \(path).", unserved,
      "Check tls.certificate, and that this user may read the file.", setting: .tlsCertificate)
  }

  static func unreadableKey(_ path: String) -> StartFailure {
    StartFailure(
      78, "Cannot read the private key \(path).", unserved, "Check tls.key, and that this user may read the file.",
      setting: .tlsKey)
  }

  static func badCertificate(_ path: String) -> StartFailure {
    StartFailure(
      78, "There is no certificate in \(path).", unserved, "It must be PEM, the relay's own certificate first.",
      setting: .tlsCertificate)
  }

  static func badKey(_ path: String) -> StartFailure {
    StartFailure(
      78, "There is no usable private key in \(path).", unserved,
      "It must be PEM (EC, Ed25519 or RSA), and not protected by a passphrase.", setting: .tlsKey)
  }

  static func keyDoesNotMatch(_ certificate: String, _ key: String) -> StartFailure {
    StartFailure(
      78, "The private key \(key) is not the one of the certificate \(certificate).", unserved,
      "Use the pair that was issued together; the relay's own certificate comes first in its file.", setting: .tlsKey)
  }

  static func certificateNotValidNow(_ path: String) -> StartFailure {
    StartFailure(
      78, "The certificate \(path) has expired or is not valid yet.",
      "No client would accept it, so nothing was started.",
      "Renew it, or set this machine's clock.", setting: .tlsCertificate)
  }

  /// Of the identity provider. It is a file like a certificate's, with the same mistakes in it.
  static func badAuthority(_ path: String) -> StartFailure {
    StartFailure(
      78, "There is no certificate of an authority in \(path).",
      "The relay could not tell the identity provider from somebody else, so nothing was started.",
      "It must be PEM, and readable by this user.", setting: .oidcCA)
  }

  static let badHost = StartFailure(
    64, "This is not a host.", "A certificate is for names such as relay.example, or IP addresses.",
    "Say `--host NAME`, without a scheme or port.")

  static func fileExists(_ path: String) -> StartFailure {
    StartFailure(
      73, "\(path) is there already.", "Nothing was written.", "Move it away, or name another folder with `--out DIR`.")
  }

  static func cannotWrite(_ path: String) -> StartFailure {
    StartFailure(73, "Cannot write to \(path).", "The files are not complete.", "Make it writable, or name another.")
  }
}
