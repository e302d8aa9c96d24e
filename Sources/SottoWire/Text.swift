/// Lower-case hexadecimal, as identifiers and keys stand in paths and headers. [encoding.6]
public enum Hex {
  /// Two characters a byte.
  public static func encode(_ bytes: [UInt8]) -> String {
    String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
  }

  /// The bytes, or nil for anything but an even number of lower-case digits. Not generic: a relay reads three for every
  /// envelope.
  public static func decode(_ text: String) -> [UInt8]? {
    let characters = Array(text.utf8)
    guard characters.count.isMultiple(of: 2) else { return nil }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(characters.count / 2)
    for index in stride(from: 0, to: characters.count, by: 2) {
      guard let high = value(characters[index]), let low = value(characters[index + 1]) else { return nil }
      bytes.append(high << 4 | low)
    }
    return bytes
  }

  /// The number of exactly 32 digits: an id, without an array.
  package static func number(_ digits: Substring.UTF8View) -> UInt128? {
    guard digits.count == 32 else { return nil }
    var words = (high: 0 as UInt64, low: 0 as UInt64)
    for digit in digits {
      guard let value = value(digit) else { return nil }
      words = (words.high << 4 | words.low >> 60, words.low << 4 | UInt64(value))
    }
    return UInt128(words.high) << 64 | UInt128(words.low)
  }

  private static let digits = Array("0123456789abcdef".utf8)

  private static func value(_ character: UInt8) -> UInt8? {
    switch character {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): character - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): character - UInt8(ascii: "a") + 10
    default: nil
    }
  }
}

/// Lower-case base32 without padding (RFC 4648 section 6); other case and non-zero spare bits are refused. [encoding.7]
public enum Base32 {
  public static func encode(_ bytes: [UInt8]) -> String {
    var characters: [UInt8] = []
    var buffer: UInt32 = 0
    var bits: UInt32 = 0
    for byte in bytes {
      buffer = buffer << 8 | UInt32(byte)
      bits += 8
      while bits >= 5 {
        bits -= 5
        characters.append(alphabet[Int(buffer >> bits & 31)])
      }
      buffer &= 1 << bits - 1
    }
    if bits > 0 { characters.append(alphabet[Int(buffer << (5 - bits) & 31)]) }
    return String(decoding: characters, as: UTF8.self)
  }

  public static func decode(_ text: some StringProtocol) -> [UInt8]? {
    var bytes: [UInt8] = []
    var buffer: UInt32 = 0
    var bits: UInt32 = 0
    for character in text.utf8 {
      guard let value = alphabet.firstIndex(of: character) else { return nil }
      buffer = buffer << 5 | UInt32(value)
      bits += 5
      if bits >= 8 {
        bits -= 8
        bytes.append(UInt8(buffer >> bits & 0xff))
        buffer &= 1 << bits - 1
      }
    }
    // Five or more spare bits would be a character that encodes nothing.
    guard bits < 5, buffer == 0 else { return nil }
    return bytes
  }

  private static let alphabet = Array("abcdefghijklmnopqrstuvwxyz234567".utf8)
}

extension Substring.UTF8View {
  /// What stands between separators, empty parts included. Bytes, not characters: to Swift a separator with a combining
  /// mark behind it is none.
  func parts(at separator: Unicode.Scalar) -> [String] { slices(at: separator).map { String(Substring($0)) } }

  /// The same, without copies.
  func slices(at separator: Unicode.Scalar) -> [Substring.UTF8View] {
    split(separator: UInt8(ascii: separator), omittingEmptySubsequences: false)
  }
}
