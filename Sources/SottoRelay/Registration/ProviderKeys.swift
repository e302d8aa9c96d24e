internal import Foundation
internal import JWTKit
internal import SottoWire

/// A key that the provider signs with. What it is for is settled when it is read, and never by a token: jwt-kit would
/// take the algorithm of a key that has none from the first token that names the key, forged or not, and keep it.
package struct ProviderKey: SignatureKey {
  /// UTF-8, if it has one.
  package let name: [UInt8]?
  package let algorithm: SigningAlgorithm
  private let check: any JWTAlgorithm

  /// From a JSON Web Key (RFC 7517); nil for a key that is for something else, of another kind, or too short.
  init?(_ jwk: StrictJSON) async {
    guard jwk["use"]?.says("sig") != false, jwk["key_ops"].map(Self.includesVerify) != false,
      let algorithm = Self.algorithm(of: jwk), let key = Self.publicKey(jwk, algorithm),
      // The collection holds this key alone, so its name there does not matter.
      let check = try? await JWTKeyCollection().add(jwk: key).getKey(for: key.keyIdentifier)
    else { return nil }
    if let member = jwk["kid"] {
      guard let name = member.bytes, name.count <= RelayLimits.claim else { return nil }
      self.name = name
    } else {
      name = nil
    }
    (self.algorithm, self.check) = (algorithm, check)
  }

  package func hasSigned(_ bytes: [UInt8], _ signature: [UInt8]) -> Bool {
    (try? check.verify(signature, signs: bytes)) ?? false
  }

  private static func includesVerify(_ operations: StrictJSON) -> Bool {
    operations.elements?.contains { $0.says("verify") } == true
  }

  /// What the key says that it is for, as far as keys of its type can be; one that does not say it is for what keys of
  /// its type are for first.
  private static func algorithm(of jwk: StrictJSON) -> SigningAlgorithm? {
    let types: [(type: String, curve: String?, algorithms: [SigningAlgorithm])] = [
      ("RSA", nil, [.rs256, .ps256]), ("EC", "P-256", [.es256]), ("EC", "P-384", [.es384]),
      ("OKP", "Ed25519", [.edDSA]),
    ]
    let type = types.first { type in
      jwk["kty"]?.says(type.type) == true && type.curve.map { jwk["crv"]?.says($0) == true } != false
    }
    guard let member = jwk["alg"] else { return type?.algorithms.first }
    return type?.algorithms.first { member.says($0.rawValue) }
  }

  /// Its public half, for this algorithm and no other.
  private static func publicKey(_ jwk: StrictJSON, _ algorithm: SigningAlgorithm) -> JWK? {
    let name = JWKIdentifier(string: "key")
    switch algorithm {
    case .rs256, .ps256:
      guard let modulus = jwk["n"]?.bytes.flatMap({ Base64URL.decode($0) }),
        let exponent = jwk["e"]?.bytes.flatMap({ Base64URL.decode($0) })
      else { return nil }
      let bits = modulus.drop { $0 == 0 }
      let length = bits.count * 8 - (bits.first?.leadingZeroBitCount ?? 0)
      guard RelayLimits.rsaBits ~= length, exponent.count <= RelayLimits.rsaExponent else { return nil }
      return .rsa(
        algorithm == .rs256 ? .rs256 : .ps256, identifier: name, modulus: jwk["n"]?.text, exponent: jwk["e"]?.text)
    case .es256, .es384:
      let size = algorithm == .es256 ? 32 : 48
      guard has(jwk, "x", size), has(jwk, "y", size) else { return nil }
      return .ecdsa(
        algorithm == .es256 ? .es256 : .es384, identifier: name, x: jwk["x"]?.text, y: jwk["y"]?.text,
        curve: algorithm == .es256 ? .p256 : .p384)
    case .edDSA:
      guard has(jwk, "x", 32) else { return nil }
      return .octetKeyPair(.eddsa, identifier: name, x: jwk["x"]?.text, y: nil, curve: .ed25519)
    }
  }

  private static func has(_ jwk: StrictJSON, _ member: String, _ size: Int) -> Bool {
    jwk[member]?.bytes.flatMap({ Base64URL.decode($0) })?.count == size
  }
}

/// The keys that a provider has at a time.
package struct ProviderKeys: Sendable {
  private let keys: [ProviderKey]

  /// From a JSON Web Key Set; nil for anything else. Keys that are of no use are left out (RFC 7517 section 5), and
  /// keys that share a name with another: which one is meant would be chance.
  package init?(document: [UInt8]) async {
    guard let elements = StrictJSON(document)?["keys"]?.elements, elements.count <= RelayLimits.providerKeys else {
      return nil
    }
    var found: [ProviderKey] = []
    for element in elements {
      if let key = await ProviderKey(element) { found.append(key) }
    }
    keys = found.filter { key in key.name == nil || found.count { $0.name == key.name } == 1 }
  }

  /// The key of exactly this name; without a name, the only key that there is.
  package func key(named name: [UInt8]?) -> ProviderKey? {
    guard let name else { return keys.count == 1 ? keys[0] : nil }
    return keys.first { $0.name == name }
  }
}
