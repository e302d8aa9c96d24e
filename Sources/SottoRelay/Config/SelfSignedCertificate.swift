internal import Crypto
internal import Foundation
internal import SwiftASN1
internal import X509

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#elseif canImport(Darwin)
  internal import Darwin
#endif

/// A certificate for trying things out, and the authority that vouches for it and for nothing else: its key is
/// forgotten at once. Clients are told to trust the authority (`sotto --ca-file authority.pem`). Two certificates and
/// not one, because clients disagree about a certificate that is its own authority. ECDSA with P-256 and SHA-256,
/// which every TLS client knows. [operation.4]
public struct SelfSignedCertificate: Sendable {
  /// Where the three files are.
  public struct Files: Sendable {
    public let authority: String
    public let certificate: String
    public let key: String

    init(in folder: String) {
      (authority, certificate, key) = (folder + "/authority.pem", folder + "/certificate.pem", folder + "/key.pem")
    }
  }

  /// All PEM; the key is PKCS #8.
  private let authority: String
  private let certificate: String
  private let key: String

  /// For these DNS names and IP addresses; valid from now on, which is Unix time in seconds.
  public init(hosts: [String], now: Int64) throws(StartFailure) {
    let names = hosts.compactMap(Self.name)
    guard !hosts.isEmpty, names.count == hosts.count else { throw .badHost }
    do {
      let (authorityKey, key) = (Self.newKey(), Self.newKey())
      let issuer = try DistinguishedName { CommonName("Sotto development authority") }
      let authority = try Self.certificate(
        of: authorityKey, named: issuer, by: issuer, signedWith: authorityKey, now,
        try Certificate.Extensions {
          Critical(BasicConstraints.isCertificateAuthority(maxPathLength: 0))
          Critical(KeyUsage(keyCertSign: true))
        })
      let certificate = try Self.certificate(
        of: key, named: try DistinguishedName { CommonName(hosts[0]) }, by: issuer, signedWith: authorityKey, now,
        try Certificate.Extensions {
          Critical(BasicConstraints.notCertificateAuthority)
          Critical(KeyUsage(digitalSignature: true))
          try ExtendedKeyUsage([.serverAuth])
          SubjectAlternativeNames(names)
        })
      self.authority = try authority.serializeAsPEM().pemString + "\n"
      self.certificate = try certificate.serializeAsPEM().pemString + "\n"
      self.key = try key.serializeAsPEM().pemString + "\n"
    } catch {
      throw .badHost
    }
  }

  private static func newKey() -> Certificate.PrivateKey { Certificate.PrivateKey(P256.Signing.PrivateKey()) }

  private static func certificate(
    of key: Certificate.PrivateKey, named subject: DistinguishedName, by issuer: DistinguishedName,
    signedWith issuerKey: Certificate.PrivateKey, _ now: Int64, _ extensions: Certificate.Extensions
  ) throws -> Certificate {
    let now = Date(timeIntervalSince1970: Double(now))
    return try Certificate(
      version: .v3, serialNumber: .init(), publicKey: key.publicKey,
      // A clock that is a little behind must not refuse it.
      notValidBefore: now.addingTimeInterval(-3_600),
      notValidAfter: now.addingTimeInterval(86_400 * RelayLimits.selfSignedDays),
      issuer: issuer, subject: subject, extensions: extensions, issuerPrivateKey: issuerKey)
  }

  /// Writes `authority.pem`, `certificate.pem` and `key.pem`, and overwrites nothing.
  public func write(to folder: String) throws(StartFailure) -> Files {
    let files = Files(in: folder)
    for path in [files.authority, files.certificate, files.key] where FileManager.default.fileExists(atPath: path) {
      throw .fileExists(path)
    }
    do {
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
      for (path, text) in [(files.key, key), (files.certificate, certificate), (files.authority, authority)] {
        try Data(text.utf8).write(to: URL(filePath: path), options: .withoutOverwriting)
      }
    } catch {
      throw .cannotWrite(folder)
    }
    return files
  }

  private static func name(_ host: String) -> GeneralName? {
    if let address = address(host) { return .ipAddress(ASN1OctetString(contentBytes: address[...])) }
    return ListenAddress(host + ":0").flatMap { $0.isName ? .dnsName(host) : nil }
  }

  /// The 4 or 16 bytes of an IP address.
  private static func address(_ host: String) -> [UInt8]? {
    for (family, size) in [(AF_INET, 4), (AF_INET6, 16)] {
      var bytes = [UInt8](repeating: 0, count: size)
      if unsafe bytes.withUnsafeMutableBytes({ unsafe inet_pton(family, host, $0.baseAddress) }) == 1 { return bytes }
    }
    return nil
  }
}
