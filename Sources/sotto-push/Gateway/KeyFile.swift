internal import Foundation
internal import JWTKit
internal import SottoCrypto
internal import SottoRelay

/// Files with keys that the gateway signs with: PEM, or JSON around it.
///
/// What stands in them is in memory that is wiped. JWTKit takes PEM as a String alone, and Foundation gives a value in JSON as
/// one: it is made where they are called, and goes with the call, unwiped as all that they make of it.
enum KeyFile {
  static func read(_ path: String, for setting: GatewaySetting) throws(StartFailure) -> Secret {
    do throws(SecretFile.Fault) {
      return try SecretFile.contents(at: path, limit: PushLimits.keyFile)
    } catch {
      throw .unusable(setting, error == .tooLong ? "\(path) is longer than any key" : "\(path) cannot be read")
    }
  }

  /// nil when there is no private key of P-256 in it, in PEM.
  static func signingKey(in text: borrowing Secret) -> ES256PrivateKey? {
    text.withSpan { bytes in
      unsafe bytes.withUnsafeBufferPointer { try? unsafe ES256PrivateKey(pem: String(decoding: $0, as: UTF8.self)) }
    }
  }

  /// Throws a `FCM.ServiceAccount.Fault`, or what the decoder has against it.
  static func account(in text: borrowing Secret) throws -> FCM.ServiceAccount {
    try text.withSpan { bytes in
      try unsafe bytes.withUnsafeBufferPointer { try unsafe decoded($0) }
    }
  }

  /// Without a copy of its own.
  private static func decoded(_ text: UnsafeBufferPointer<UInt8>) throws -> FCM.ServiceAccount {
    guard let base = text.baseAddress else { throw CocoaError(.fileReadCorruptFile) }
    let data = unsafe Data(
      bytesNoCopy: UnsafeMutableRawPointer(mutating: base), count: text.count, deallocator: .none)
    return try JSONDecoder().decode(FCM.ServiceAccount.self, from: data)
  }
}
