public import SottoCrypto
internal import SottoWire

/// What opens a backup: 160 random bits, and 40 that tell a mistyped one, as eight groups of five characters of base32.
public enum RecoveryCode {
  private static let count = 20
  private static let checksumCount = 5

  /// A new code, as it is written down: 8 groups of 5 lower-case characters with spaces between them.
  package static func fresh(from entropy: inout some Entropy) -> String {
    let bytes = entropy.bytes(count)
    let text = Base32.encode(bytes + checksum(bytes))
    return stride(from: 0, to: text.count, by: 5).map { String(text.dropFirst($0).prefix(5)) }.joined(separator: " ")
  }

  /// The secret that a code means, whatever its capitals and the spaces or hyphens in it; nil when it is mistyped.
  public static func secret(of text: String) -> Secret? {
    let plain = text.lowercased().filter { !$0.isWhitespace && $0 != "-" }
    guard let bytes = Base32.decode(plain), bytes.count == count + checksumCount,
      checksum(Array(bytes.prefix(count))) == Array(bytes.suffix(checksumCount))
    else { return nil }
    return Secret(copying: Array(bytes.prefix(count)))
  }

  private static func checksum(_ bytes: [UInt8]) -> [UInt8] {
    Array(Digest.of("recovery code", bytes).bytes.prefix(checksumCount))
  }
}
