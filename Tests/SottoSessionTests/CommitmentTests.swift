import SottoCrypto
import SottoSession
import SottoWire
import Testing

/// Invisible salamanders: ChaCha20-Poly1305 commits to no key, so one ciphertext can be made that opens under two. [ratchet.4]
@Suite(.sealsAreWatched) struct CommitmentTests {
  // A32
  @Test func oneCiphertextUnderTwoKeysOpensUnderTheCommittedOneAlone() throws {
    let sid = Digest.of("test session")
    let header = [UInt8](repeating: 9, count: 80)
    let chain = ChainKey(Secret(copying: [UInt8](repeating: 1, count: 32)))
    func messageKey(_ second: Bool) -> MessageKey {
      MessageKey((second ? chain.step().next : chain).step().message.secret.copy())
    }
    func derived(_ second: Bool) -> Derived { PRF.derive(messageKey(second).secret, "message", sid.bytes, header) }
    let sealed = Salamander.make(derived(false).a().revealed(), derived(true).a().revealed())

    // The AEAD itself sees nothing wrong, under either key.
    let one = try SingleUseKey(derived(false).a()).open(sealed, ad: [])
    let two = try SingleUseKey(derived(true).a()).open(sealed, ad: [])
    #expect(one != two && one.count == 32)
    // The message opens under the key that it commits to, and under no other.
    for committed in [false, true] {
      let message = RatchetMessage(header: header, commitment: derived(committed).b().revealed(), sealed: sealed)
      #expect(try messageKey(committed).open(message, sid: sid) == (committed ? two : one))
      #expect(stage { try messageKey(!committed).open(message, sid: sid) } == .commitment)
    }
    // Nor is there a commitment that both accept: every one is refused by at least one of them.
    let neither = RatchetMessage(header: header, commitment: [UInt8](repeating: 0, count: 32), sealed: sealed)
    for key in [false, true] { #expect(stage { try messageKey(key).open(neither, sid: sid) } == .commitment) }
  }

  /// The field and the stream against RFC 8439 sections 2.3.2 and 2.5.2.
  @Test func theAlgebraOfTheAttackIsPoly1305s() throws {
    let nonce: [UInt8] = [0, 0, 0, 9, 0, 0, 0, 0x4a, 0, 0, 0, 0]
    #expect(ChaCha20.block([UInt8](0..<32), counter: 1, nonce: nonce).prefix(4) == [0x10, 0xf1, 0xe7, 0xe4])
    let key = Hex.decode("85d6be7857556d337f4452fe42d506a80103808afb0db2fd4abff6af4149f51b")!
    let tag = Poly1305(key).tag(Array("Cryptographic Forum Research Group".utf8))
    #expect(Hex.encode(tag) == "a8061dc1305136c6c22b8baf0c0127a9")
  }
}

/// Two blocks of ciphertext and a tag that two keys find right: the second block solves a linear equation in the field.
private enum Salamander {
  static func make(_ first: [UInt8], _ second: [UInt8]) -> [UInt8] {
    let nonce = [UInt8](repeating: 0, count: 12)
    let one = Poly1305(ChaCha20.block(first, counter: 0, nonce: nonce))
    let two = Poly1305(ChaCha20.block(second, counter: 0, nonce: nonce))
    // P1 + s1 = P2 + s2, where P = c1 r^3 + c2 r^2 + length r.
    let lengths = Field(block: littleEndian(UInt128(32) << 64))
    let slope = (one.r * one.r - two.r * two.r).inverse
    for trial in UInt128(0)... {
      let free = littleEndian(trial)
      let known =
        Field(block: free) * (one.r * one.r * one.r - two.r * two.r * two.r) + lengths * (one.r - two.r)
      let block = (Field(two.s) - Field(one.s) - known) * slope
      // A full block stands for 2^128 + its bytes; a quarter of the field's elements does.
      guard block.high == 1 else { continue }
      let ciphertext = free + littleEndian(block.low)
      let message = ciphertext + littleEndian(UInt128(32) << 64)
      guard one.tag(message) == two.tag(message) else { continue }
      return ciphertext + one.tag(message)
    }
    fatalError("the field has been searched")
  }
}

private func littleEndian(_ value: UInt128) -> [UInt8] { (0..<16).map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) } }

private func number(_ bytes: some Sequence<UInt8>) -> UInt128 {
  bytes.enumerated().reduce(0) { $0 | UInt128($1.element) << ($1.offset * 8) }
}

/// RFC 8439 section 2.5.
private struct Poly1305 {
  let r: Field
  let s: UInt128

  init(_ key: [UInt8]) {
    r = Field(number(key[0..<16]) & 0x0fff_fffc_0fff_fffc_0fff_fffc_0fff_ffff)
    s = number(key[16..<32])
  }

  func tag(_ message: [UInt8]) -> [UInt8] {
    let blocks = stride(from: 0, to: message.count, by: 16).map { Field(block: Array(message[$0...].prefix(16))) }
    return littleEndian(blocks.reduce(Field(0)) { ($0 + $1) * r }.low &+ s)
  }
}

/// Integers modulo 2^130 - 5, in five limbs of 26 bits.
private struct Field {
  private var limbs: [UInt64]

  init(_ value: UInt128, high: UInt64 = 0) {
    limbs = (0..<5).map { UInt64(truncatingIfNeeded: value >> ($0 * 26)) & 0x3ff_ffff }
    limbs[4] |= high << 24
  }

  /// A block of a message: its bytes, and a one behind them.
  init(block: [UInt8]) {
    self.init(number(block), high: block.count == 16 ? 1 : 0)
    if block.count < 16 { self = self + Field(1 << (UInt128(block.count) * 8)) }
  }

  private init(reducing limbs: [UInt64]) {
    self.limbs = limbs
    for _ in 0..<3 {
      for place in 0..<5 {
        let carry = self.limbs[place] >> 26
        self.limbs[place] &= 0x3ff_ffff
        self.limbs[(place + 1) % 5] += place == 4 ? carry * 5 : carry
      }
    }
    // At most once more: the value is below 2^130 now.
    if self.limbs[0] >= 0x3ff_fffb, self.limbs[1...].allSatisfy({ $0 == 0x3ff_ffff }) {
      self.limbs = [self.limbs[0] - 0x3ff_fffb, 0, 0, 0, 0]
    }
  }

  var low: UInt128 { limbs.enumerated().reduce(0) { $0 | UInt128($1.element) << ($1.offset * 26) } }
  /// What is above 2^128.
  var high: UInt64 { limbs[4] >> 24 }

  static func + (a: Field, b: Field) -> Field { Field(reducing: zip(a.limbs, b.limbs).map(+)) }

  static func - (a: Field, b: Field) -> Field {
    let modulus: [UInt64] = [0x3ff_fffb, 0x3ff_ffff, 0x3ff_ffff, 0x3ff_ffff, 0x3ff_ffff]
    return Field(reducing: (0..<5).map { a.limbs[$0] + 2 * modulus[$0] - b.limbs[$0] })
  }

  static func * (a: Field, b: Field) -> Field {
    var product = [UInt64](repeating: 0, count: 5)
    for i in 0..<5 {
      for j in 0..<5 { product[(i + j) % 5] += a.limbs[i] * b.limbs[j] * (i + j < 5 ? 1 : 5) }
    }
    return Field(reducing: product)
  }

  /// By Fermat: the power of 2^130 - 7.
  var inverse: Field {
    var result = self
    // All 130 bits of the exponent are ones but 2 and 1: ...1111 1001.
    for bit in (0..<129).reversed() {
      result = result * result
      if bit != 1 && bit != 2 { result = result * self }
    }
    return result
  }
}

/// RFC 8439 section 2.3.
private enum ChaCha20 {
  static func block(_ key: [UInt8], counter: UInt32, nonce: [UInt8]) -> [UInt8] {
    func words(_ bytes: [UInt8]) -> [UInt32] {
      stride(from: 0, to: bytes.count, by: 4).map { UInt32(truncatingIfNeeded: number(bytes[$0..<$0 + 4])) }
    }
    let start = [0x6170_7865, 0x3320_646e, 0x7962_2d32, 0x6b20_6574] + words(key) + [counter] + words(nonce)
    var state = start
    func quarter(_ a: Int, _ b: Int, _ c: Int, _ d: Int) {
      for (x, y, z, left) in [(a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)] as [(Int, Int, Int, UInt32)] {
        state[x] &+= state[y]
        state[z] ^= state[x]
        state[z] = state[z] << left | state[z] >> (32 - left)
      }
    }
    for _ in 0..<10 {
      for column in 0..<4 { quarter(column, column + 4, column + 8, column + 12) }
      for column in 0..<4 {
        quarter(column, (column + 1) % 4 + 4, (column + 2) % 4 + 8, (column + 3) % 4 + 12)
      }
    }
    return zip(state, start).flatMap { littleEndian(UInt128($0 &+ $1)).prefix(4) }
  }
}
