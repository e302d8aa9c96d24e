/// Base64 with padding (RFC 4648 section 4), as RFC 8941 byte sequences stand in HTTP headers; unused bits that are not
/// zero and any other spelling of the same bytes are refused. [relay.32] [encoding.8]
public enum Base64 {
  public static func encode(_ bytes: [UInt8]) -> String {
    var characters: [UInt8] = []
    characters.reserveCapacity((bytes.count + 2) / 3 * 4)
    for start in stride(from: 0, to: bytes.count, by: 3) {
      let count = min(3, bytes.count - start)
      let group = (0..<3).reduce(UInt32(0)) { $0 << 8 | ($1 < count ? UInt32(bytes[start + $1]) : 0) }
      for index in 0..<4 {
        characters.append(index <= count ? alphabet[Int(group >> (18 - 6 * UInt32(index)) & 63)] : padding)
      }
    }
    return String(decoding: characters, as: UTF8.self)
  }

  public static func decode(_ text: some StringProtocol) -> [UInt8]? {
    let characters = Array(text.utf8)
    guard characters.count.isMultiple(of: 4) else { return nil }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(characters.count / 4 * 3)
    var buffer: UInt32 = 0
    var bits: UInt32 = 0
    let digits = characters.count - (characters.suffix(2).reversed().prefix { $0 == padding }.count)
    for character in characters[..<digits] {
      guard let value = value(of: character) else { return nil }
      buffer = buffer << 6 | value
      bits += 6
      if bits >= 8 {
        bits -= 8
        bytes.append(UInt8(buffer >> bits & 0xff))
        buffer &= 1 << bits - 1
      }
    }
    guard buffer == 0, bits < 6 else { return nil }
    return bytes
  }

  private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
  private static let padding = UInt8(ascii: "=")

  private static func value(of character: UInt8) -> UInt32? {
    switch character {
    case UInt8(ascii: "A")...UInt8(ascii: "Z"): UInt32(character - UInt8(ascii: "A"))
    case UInt8(ascii: "a")...UInt8(ascii: "z"): UInt32(character - UInt8(ascii: "a")) + 26
    case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(character - UInt8(ascii: "0")) + 52
    case UInt8(ascii: "+"): 62
    case UInt8(ascii: "/"): 63
    default: nil
    }
  }
}

/// Base64 for URLs, without padding (RFC 4648 section 5): tokens and keys of RFC 9577. Any other spelling of the same bytes
/// is refused. [encoding.8]
public enum Base64URL {
  public static func encode(_ bytes: [UInt8]) -> String {
    let characters = Base64.encode(bytes).utf8.compactMap { character -> UInt8? in
      switch character {
      case UInt8(ascii: "+"): UInt8(ascii: "-")
      case UInt8(ascii: "/"): UInt8(ascii: "_")
      case UInt8(ascii: "="): nil
      default: character
      }
    }
    return String(decoding: characters, as: UTF8.self)
  }

  public static func decode(_ text: some StringProtocol) -> [UInt8]? { decode(text.utf8) }

  /// The same, in ASCII.
  public static func decode(_ text: some Collection<UInt8>) -> [UInt8]? {
    var characters: [UInt8] = []
    for character in text {
      switch character {
      case UInt8(ascii: "-"): characters.append(UInt8(ascii: "+"))
      case UInt8(ascii: "_"): characters.append(UInt8(ascii: "/"))
      case UInt8(ascii: "+"), UInt8(ascii: "/"), UInt8(ascii: "="): return nil
      default: characters.append(character)
      }
    }
    let padding = [UInt8](repeating: UInt8(ascii: "="), count: (4 - characters.count % 4) % 4)
    return Base64.decode(String(decoding: characters + padding, as: UTF8.self))
  }
}

/// A number in a path or a header: decimal digits without a sign or leading zeros, below 2^63. [relay.6]
public enum DecimalNumber {
  /// The largest number that any field of the relay may hold: it fits a signed 64-bit column.
  public static let limit = UInt64(Int64.max)

  public static func decode(_ text: some StringProtocol) -> UInt64? { decode(String(text)) }

  /// Not generic: every request has a length.
  public static func decode(_ text: String) -> UInt64? {
    let digits = text.utf8
    // 19 digits fit 64 bits.
    guard 1...19 ~= digits.count, digits.count == 1 || digits.first != UInt8(ascii: "0") else { return nil }
    var value: UInt64 = 0
    for digit in digits {
      guard UInt8(ascii: "0")...UInt8(ascii: "9") ~= digit else { return nil }
      value = value * 10 + UInt64(digit - UInt8(ascii: "0"))
    }
    return value <= limit ? value : nil
  }
}

extension WireReader {
  /// A number below 2^63 in eight bytes. [relay.6]
  mutating func number() throws(WireError) -> UInt64 {
    let value = try u64()
    guard value <= DecimalNumber.limit else { throw .outOfRange }
    return value
  }
}
