import SottoCrypto
import SottoSession

/// Second names for a key: the same point plus one of small order. A cofactor hides the difference from an agreement, and
/// from signature checks that are not strict.
enum Torsion {
  /// `P + (0, 0)` on the Montgomery curve has the u-coordinate 1/u.
  static func shifted(_ key: AgreementPublicKey) throws -> AgreementPublicKey {
    try AgreementPublicKey(inverse(key.bytes))
  }

  /// `P + (0, -1)` on the Edwards curve is (-x, -y).
  static func shifted(_ key: VerifyingKey) throws -> VerifyingKey {
    var y = key.bytes
    y[31] &= 0x7f
    var negated = subtract(y, from: prime)
    negated[31] |= ~key.bytes[31] & 0x80
    return try VerifyingKey(negated)
  }

  private static let prime: [UInt8] = [0xed] + [UInt8](repeating: 0xff, count: 30) + [0x7f]

  /// u^(p - 2).
  private static func inverse(_ u: [UInt8]) -> [UInt8] {
    var result: [UInt8] = [1] + [UInt8](repeating: 0, count: 31)
    let exponent: [UInt8] = [0xeb] + prime.dropFirst()
    for bit in (0..<255).reversed() {
      result = multiply(result, result)
      if exponent[bit / 8] >> UInt8(bit % 8) & 1 == 1 { result = multiply(result, u) }
    }
    while !result.reversed().lexicographicallyPrecedes(prime.reversed()) { result = subtract(prime, from: result) }
    return result
  }

  private static func multiply(_ a: [UInt8], _ b: [UInt8]) -> [UInt8] {
    var wide = [Int](repeating: 0, count: 64)
    for (i, x) in a.enumerated() { for (j, y) in b.enumerated() { wide[i + j] += Int(x) * Int(y) } }
    // 2^256 = 38 modulo p.
    var digits = (0..<32).map { wide[$0] + 38 * wide[$0 + 32] }
    for _ in 0..<4 {
      var carry = 0
      for index in digits.indices {
        carry += digits[index]
        digits[index] = carry & 255
        carry >>= 8
      }
      digits[0] += 38 * carry
    }
    return digits.map { UInt8($0) }
  }

  private static func subtract(_ a: [UInt8], from b: [UInt8]) -> [UInt8] {
    var borrow = 0
    return zip(b, a).map { x, y in
      let difference = Int(x) - Int(y) - borrow
      borrow = difference < 0 ? 1 : 0
      return UInt8(difference & 255)
    }
  }
}
