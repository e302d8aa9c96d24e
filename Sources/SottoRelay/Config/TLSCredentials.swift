internal import Foundation
internal import NIOSSL
internal import SwiftASN1
internal import X509

/// A certificate chain and its key, read, matched and ready for new connections. [operation.3]
struct TLSCredentials: Sendable {
  let context: NIOSSLContext
  /// Unix time in seconds: past it no client accepts the certificate.
  let expires: Int64

  /// nil when TLS is not configured.
  init?(_ configuration: RelayConfiguration) throws(StartFailure) {
    guard let certificatePath = configuration.tlsCertificate, let keyPath = configuration.tlsKey else { return nil }
    let chain = try Self.chain(certificatePath)
    let key = try Self.key(keyPath)
    guard let own = try? Certificate(derEncoded: (try? chain[0].toDERBytes()) ?? []), own.publicKey == key.publicKey
    else { throw .keyDoesNotMatch(certificatePath, keyPath) }
    expires = Int64(chain[0].notValidAfter)
    let now = configuration.now()
    guard now < expires, now >= Int64(chain[0].notValidBefore) else { throw .certificateNotValidNow(certificatePath) }
    do {
      var settings = TLSConfiguration.makeServerConfiguration(
        certificateChain: chain.map { .certificate($0) },
        privateKey: .privateKey(try NIOSSLPrivateKey(bytes: try key.serializeAsPEM().derBytes, format: .der)))
      settings.minimumTLSVersion = .tlsv12
      settings.applicationProtocols = ["http/1.1"]
      context = try NIOSSLContext(configuration: settings)
    } catch {
      throw .badKey(keyPath)
    }
  }

  private static func chain(_ path: String) throws(StartFailure) -> [NIOSSLCertificate] {
    guard let bytes = FileManager.default.contents(atPath: path) else { throw .unreadableCertificate(path) }
    guard let chain = try? NIOSSLCertificate.fromPEMBytes(Array(bytes)), !chain.isEmpty else {
      throw .badCertificate(path)
    }
    return chain
  }

  private static func key(_ path: String) throws(StartFailure) -> Certificate.PrivateKey {
    guard let bytes = FileManager.default.contents(atPath: path) else { throw .unreadableKey(path) }
    // A file may hold EC parameters before the key.
    let documents = try? PEMDocument.parseMultiple(pemString: String(decoding: bytes, as: UTF8.self))
    for document in documents ?? [] {
      if let key = try? Certificate.PrivateKey(pemDocument: document) { return key }
    }
    throw .badKey(path)
  }
}
