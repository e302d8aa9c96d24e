internal import SottoWire

/// How an ID token may be signed. Nothing symmetric, and not `none`: whoever can read the provider's keys could sign.
package enum SigningAlgorithm: String, CaseIterable, Sendable {
  case rs256 = "RS256"
  case ps256 = "PS256"
  case es256 = "ES256"
  case es384 = "ES384"
  case edDSA = "EdDSA"
}

/// What a signature is verified with.
package protocol SignatureKey: Sendable {
  var algorithm: SigningAlgorithm { get }
  func hasSigned(_ bytes: [UInt8], _ signature: [UInt8]) -> Bool
}

/// A JSON Web Signature in its compact form (RFC 7515 section 7.1), taken apart, with nothing of it believed.
package struct SignedToken: Sendable {
  /// What it claims to be signed with.
  package let algorithm: SigningAlgorithm
  /// The name of the key that it claims to be signed with, if it has one: UTF-8, compared byte for byte.
  package let keyName: [UInt8]?
  /// What the signature is over.
  private let signed: [UInt8]
  private let signature: [UInt8]
  private let payload: [UInt8]

  package init(_ text: String) throws(IDTokenRefusal) {
    let bytes = text.utf8
    guard bytes.count <= RelayLimits.idToken else { throw .refused(.tooLong) }
    let encoded = bytes.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
    let parts = encoded.compactMap { Base64URL.decode($0) }
    guard encoded.count == 3, parts.count == 3 else { throw .refused(.encoding) }
    (algorithm, keyName) = try Self.header(parts[0])
    signed = Array(bytes[..<encoded[1].endIndex])
    (payload, signature) = (parts[1], parts[2])
  }

  /// The only way to what it says.
  package func payload(signedWith key: some SignatureKey) throws(IDTokenRefusal) -> [UInt8] {
    guard algorithm == key.algorithm else { throw .refused(.algorithm) }
    guard key.hasSigned(signed, signature) else { throw .refused(.signature) }
    return payload
  }

  /// Members that bring a key along, or say where one is, or change what is signed. (RFC 7515 sections 4.1 and 4.1.11:
  /// what `crit` names has to be understood, and nothing that it could name is.)
  private static let unwanted = ["crit", "jku", "jwk", "x5u", "x5c", "b64"]

  private static func header(_ bytes: [UInt8]) throws(IDTokenRefusal) -> (SigningAlgorithm, [UInt8]?) {
    guard let header = StrictJSON(bytes), case .object = header,
      !unwanted.contains(where: { header[$0] != nil }),
      // Tokens for other purposes say another type here, under the same keys.
      header["typ"]?.says("JWT") != false
    else { throw .refused(.header) }
    guard let algorithm = SigningAlgorithm.allCases.first(where: { header["alg"]?.says($0.rawValue) == true }) else {
      throw .refused(.algorithm)
    }
    guard let member = header["kid"] else { return (algorithm, nil) }
    guard let name = member.bytes, name.count <= RelayLimits.claim else { throw .refused(.header) }
    return (algorithm, name)
  }
}
