/// SHAKE-128 and SHAKE-256 (FIPS 202), plainly: for public vectors whose inputs are a stream of it. Sotto itself has no use
/// for it.
struct Shake {
  private var state = [UInt64](repeating: 0, count: 25)
  private let rate: Int
  private var position = 0
  private var isSqueezing = false

  static func bits128() -> Shake { Shake(rate: 168) }
  static func bits256() -> Shake { Shake(rate: 136) }

  private init(rate: Int) { self.rate = rate }

  mutating func absorb(_ bytes: [UInt8]) {
    precondition(!isSqueezing)
    for byte in bytes {
      add(byte, at: position)
      position += 1
      if position == rate {
        permute()
        position = 0
      }
    }
  }

  mutating func squeeze(_ count: Int) -> [UInt8] {
    if !isSqueezing {
      add(0x1f, at: position)
      add(0x80, at: rate - 1)
      isSqueezing = true
      position = rate
    }
    return (0..<count).map { _ in
      if position == rate {
        permute()
        position = 0
      }
      defer { position += 1 }
      return UInt8(truncatingIfNeeded: state[position / 8] >> UInt64(position % 8 * 8))
    }
  }

  private mutating func add(_ byte: UInt8, at place: Int) {
    state[place / 8] ^= UInt64(byte) << UInt64(place % 8 * 8)
  }

  /// Keccak-f[1600]; the lane of x and y is state[x + 5 y].
  private mutating func permute() {
    var constant: UInt8 = 1
    for _ in 0..<24 {
      let columns = (0..<5).map { x in (0..<5).reduce(UInt64(0)) { $0 ^ state[x + 5 * $1] } }
      for x in 0..<5 {
        let mixed = columns[(x + 4) % 5] ^ rotated(columns[(x + 1) % 5], by: 1)
        for y in 0..<5 { state[x + 5 * y] ^= mixed }
      }
      var (x, y, lane) = (1, 0, state[1])
      for step in 1...24 {
        (x, y) = (y, (2 * x + 3 * y) % 5)
        (lane, state[x + 5 * y]) = (state[x + 5 * y], rotated(lane, by: step * (step + 1) / 2 % 64))
      }
      for y in 0..<5 {
        let row = Array(state[5 * y..<5 * y + 5])
        for x in 0..<5 { state[x + 5 * y] = row[x] ^ (~row[(x + 1) % 5] & row[(x + 2) % 5]) }
      }
      for power in 0...6 {
        // The round constants are the output of a linear feedback shift register.
        if constant & 1 == 1 { state[0] ^= 1 << UInt64((1 << power) - 1) }
        constant = constant << 1 ^ (constant >> 7) * 0x71
      }
    }
  }

  private func rotated(_ lane: UInt64, by count: Int) -> UInt64 {
    count == 0 ? lane : lane << UInt64(count) | lane >> UInt64(64 - count)
  }
}
