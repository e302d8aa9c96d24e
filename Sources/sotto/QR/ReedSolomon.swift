/// The check codewords of a block: Reed-Solomon over GF(2^8) modulo x^8 + x^4 + x^3 + x^2 + 1 (ISO/IEC 18004, 7.5.2).
package struct ReedSolomon {
  /// Coefficients from the highest power, which is 1, to the lowest: the product of (x - 2^i) for i in 0..<checks.
  package let generator: [UInt8]

  /// - Parameter checks: how many check codewords a block gets.
  package init(checks: Int) {
    var product: [UInt8] = [1]
    var root: UInt8 = 1
    for _ in 0..<checks {
      let shifted = product + [0]
      let scaled = [0] + product.map { Self.product($0, root) }
      product = zip(shifted, scaled).map(^)
      root = Self.product(root, 2)
    }
    generator = product
  }

  /// The remainder of the data, as a polynomial times x^checks, after division by the generator.
  package func checks(of data: [UInt8]) -> [UInt8] {
    let count = generator.count - 1
    var dividend = data + Array(repeating: 0, count: count)
    for start in data.indices {
      // The generator begins with 1, so the quotient's next coefficient is what stands here.
      let quotient = dividend[start]
      for (offset, coefficient) in generator.enumerated() {
        dividend[start + offset] ^= Self.product(coefficient, quotient)
      }
    }
    return Array(dividend.suffix(count))
  }

  /// A product in the field. Nothing here is secret, and at most 90,000 of them make a symbol: no tables.
  package static func product(_ left: UInt8, _ right: UInt8) -> UInt8 {
    var sum: UInt8 = 0
    var multiple = left
    for bit in 0..<8 {
      if right >> bit & 1 == 1 { sum ^= multiple }
      let overflows = multiple >= 0x80
      multiple <<= 1
      if overflows { multiple ^= 0b0001_1101 }
    }
    return sum
  }
}
