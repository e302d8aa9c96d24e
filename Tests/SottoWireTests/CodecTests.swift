import SottoCrypto
import SottoSimulation
import SottoWire
import Testing

/// What `read` refuses `bytes` with, trailing bytes included; nil when it does not.
private func refusal<T>(_ bytes: [UInt8], _ read: (inout WireReader) throws(WireError) -> T) -> WireError? {
  var reader = WireReader(bytes)
  do {
    _ = try read(&reader)
    try reader.finish()
    return nil
  } catch {
    return error
  }
}

@Suite struct CodecTests {
  @Test func everyFieldRoundTrips() throws {
    var writer = WireWriter()
    writer.u8(0x01)
    writer.u16(0x0203)
    writer.u32(0x0405_0607)
    writer.u64(0x0809_0a0b_0c0d_0e0f)
    writer.varint(300)
    writer.fixed([0xaa, 0xbb])
    writer.vector([0xcc])
    writer.list([[1], [2, 3]] as [[UInt8]]) { $0.vector($1) }
    writer.vector(Array("né".utf8))
    let expected = ["01", "0203", "04050607", "08090a0b0c0d0e0f", "412c", "aabb", "01cc", "050101020203", "036ec3a9"]
    #expect(Hex.encode(writer.bytes) == expected.joined())
    var reader = WireReader(writer.bytes)
    #expect(try reader.u8() == 0x01)
    #expect(try reader.u16() == 0x0203)
    #expect(try reader.u32() == 0x0405_0607)
    #expect(try reader.u64() == 0x0809_0a0b_0c0d_0e0f)
    #expect(try reader.varint() == 300)
    #expect(try reader.fixed(2) == [0xaa, 0xbb])
    #expect(try reader.vector(limit: 1) == [0xcc])
    #expect(
      try reader.list(limit: 2) { (element) throws(WireError) in try element.vector(limit: 2) } == [[1], [2, 3]])
    #expect(try reader.text(limit: 3) == "né")
    try reader.finish()
    #expect(reader.rest().isEmpty)
  }

  /// [encoding.1]
  @Test func everyFieldCutShortIsTruncated() {
    #expect(refusal([]) { (r) throws(WireError) in try r.u8() } == .truncated)
    #expect(refusal([0]) { (r) throws(WireError) in try r.u16() } == .truncated)
    #expect(refusal([0, 0, 0]) { (r) throws(WireError) in try r.u32() } == .truncated)
    #expect(refusal([0, 0, 0, 0, 0, 0, 0]) { (r) throws(WireError) in try r.u64() } == .truncated)
    #expect(refusal([0]) { (r) throws(WireError) in try r.fixed(2) } == .truncated)
    #expect(refusal([0]) { (r) throws(WireError) in try r.fixed(-1) } == .truncated)
    for bytes: [UInt8] in [[], [0x40], [0x80, 0, 0], [0xc0, 0, 0, 0, 0, 0, 0]] {
      #expect(refusal(bytes) { (r) throws(WireError) in try r.varint() } == .truncated)
    }
    #expect(refusal([2, 0]) { (r) throws(WireError) in try r.vector(limit: 2) } == .truncated)
    #expect(refusal([2, 0]) { (r) throws(WireError) in try r.text(limit: 2) } == .truncated)
    #expect(refusal([2, 0]) { (r) throws(WireError) in try r.list(limit: 9, byte) } == .truncated)
    // An element that ends where its list does, although more bytes follow the list.
    #expect(
      refusal([1, 0, 0]) { (r) throws(WireError) in try r.list(limit: 9) { (e) throws(WireError) in try e.u16() } }
        == .truncated)
  }

  /// [encoding.2]
  @Test func bytesAfterTheLastFieldAreRefused() {
    #expect(refusal([1, 0]) { (r) throws(WireError) in try r.u8() } == .trailingBytes)
    #expect(refusal([0, 0]) { (r) throws(WireError) in try r.vector(limit: 9) } == .trailingBytes)
    #expect(throws: WireError.trailingBytes) { try WireReader.decode([1, 2], byte) }
    #expect(throws: Never.self) { try WireReader.decode([1], byte) }
  }

  /// The greatest value of each width, and the least of the next. [encoding.3]
  @Test(arguments: [
    (0, "00"), (63, "3f"), (64, "4040"), (16_383, "7fff"), (16_384, "80004000"), (1_073_741_823, "bfffffff"),
    (1_073_741_824, "c000000040000000"), (4_611_686_018_427_387_903, "ffffffffffffffff"),
    // RFC 9000 appendix A.1.
    (151_288_809_941_952_652, "c2197c5eff14e88c"), (494_878_333, "9d7f3e7d"), (15_293, "7bbd"), (37, "25"),
  ])
  func integersAreWrittenMinimally(value: Int, encoded: String) throws {
    var writer = WireWriter()
    writer.varint(value)
    #expect(Hex.encode(writer.bytes) == encoded)
    #expect(try WireReader.decode(writer.bytes) { (r) throws(WireError) in try r.varint() } == value)
  }

  /// Every width for every value that has a shorter form, at both ends of the range. [encoding.3]
  @Test(arguments: [
    "4000", "4025", "403f", "80000000", "80000025", "80003fff", "c000000000000000", "c000000000000025",
    "c000000000003fff", "c00000003fffffff",
  ])
  func longerFormsAreRefused(encoded: String) throws {
    let bytes = try #require(Hex.decode(encoded))
    #expect(refusal(bytes) { (r) throws(WireError) in try r.varint() } == .nonMinimalInteger)
    #expect(refusal(bytes + [0]) { (r) throws(WireError) in try r.vector(limit: .max) } == .nonMinimalInteger)
    #expect(refusal(bytes + [0]) { (r) throws(WireError) in try r.list(limit: 9, byte) } == .nonMinimalInteger)
  }

  /// [encoding.4]
  @Test func lengthsBeyondTheLimitAreRefused() {
    #expect(refusal([2, 0, 0]) { (r) throws(WireError) in try r.vector(limit: 1) } == .outOfRange)
    #expect(refusal([2, 0, 0]) { (r) throws(WireError) in try r.vector(limit: 2) } == nil)
    #expect(refusal([2, 0x61, 0x61]) { (r) throws(WireError) in try r.text(limit: 1) } == .outOfRange)
    #expect(refusal([3, 7, 8, 9]) { (r) throws(WireError) in try r.list(limit: 2, byte) } == .outOfRange)
    #expect(refusal([3, 7, 8, 9]) { (r) throws(WireError) in try r.list(limit: 3, byte) } == nil)
    // A length that no machine could hold: the limit is asked before anything is allocated.
    let endless = [UInt8](repeating: 0xff, count: 8)
    #expect(refusal(endless) { (r) throws(WireError) in try r.vector(limit: 9) } == .outOfRange)
    #expect(refusal(endless) { (r) throws(WireError) in try r.vector(limit: .max) } == .truncated)
    // An element that reads nothing cannot make the reader spin.
    #expect(
      refusal([1, 0]) { (r) throws(WireError) in try r.list(limit: 9) { (_) throws(WireError) in } } == .outOfRange)
  }

  /// RFC 3629: a lone continuation, an overlong form, a surrogate, a value past U+10FFFF, a sequence cut short. [encoding.5]
  @Test(arguments: ["80", "c080", "e08080", "eda080", "f4908080", "e282", "61ff"])
  func invalidTextIsRefused(encoded: String) throws {
    let text = try #require(Hex.decode(encoded))
    let bytes = [UInt8(text.count)] + text
    #expect(refusal(bytes) { (r) throws(WireError) in try r.text(limit: 9) } == .invalidValue)
  }

  /// [encoding.11]
  @Test func thePresenceByteIsZeroOrOne() throws {
    let status = MailboxStatus(
      sequence: 1, restoreEpoch: 2, signedPart: nil, oneTimeParts: 3, lastResortClaims: 4, envelopes: 5,
      envelopeBytes: 6, capabilities: [])
    var bytes = status.encoded
    #expect(bytes[16] == 0)
    #expect(try MailboxStatus(decoding: bytes) == status)
    bytes[16] = 1
    bytes.insert(contentsOf: [0, 0, 0, 0, 0, 0, 0, 9], at: 17)
    #expect(try MailboxStatus(decoding: bytes).signedPart == 9)
    bytes[16] = 2
    #expect(throws: WireError.invalidValue) { try MailboxStatus(decoding: bytes) }
  }

  /// A status has one encoding: the classes ascend, and one may occur several times. [relay.13]
  @Test func theClassesOfAStatusAscend() throws {
    func decoded(_ capabilities: [CapabilityClass]) throws -> MailboxStatus {
      let status = MailboxStatus(
        sequence: 1, restoreEpoch: 2, signedPart: nil, oneTimeParts: 3, lastResortClaims: 4, envelopes: 5,
        envelopeBytes: 6, capabilities: capabilities)
      return try MailboxStatus(decoding: status.encoded)
    }
    #expect(try decoded([.knock, .contact, .retiring, .retiring]).capabilities.count == 4)
    #expect(throws: WireError.invalidValue) { try decoded([.contact, .knock]) }
    #expect(throws: WireError.invalidValue) { try decoded([.knock, .retiring, .contact]) }
  }

  private func byte(_ reader: inout WireReader) throws(WireError) -> UInt8 { try reader.u8() }
}

/// What holds for any bytes: each case is a seed, so that a failure replays.
@Suite struct CodecPropertyTests {
  /// One random field, as written and as it must be read.
  private enum Field: Equatable {
    case number(Int)
    case word(UInt32)
    case bytes([UInt8])
    case list([[UInt8]])

    init(from entropy: inout SeededEntropy) {
      func bytes(_ entropy: inout SeededEntropy) -> [UInt8] { entropy.bytes(entropy.next(below: 90)) }
      switch entropy.next(below: 4) {
      case 0: self = .number(Int(entropy.next() >> UInt64(2 + entropy.next(below: 62))))
      case 1: self = .word(UInt32(truncatingIfNeeded: entropy.next() as UInt64))
      case 2: self = .bytes(bytes(&entropy))
      default: self = .list((0..<entropy.next(below: 5)).map { _ in bytes(&entropy) })
      }
    }

    func write(_ writer: inout WireWriter) {
      switch self {
      case .number(let value): writer.varint(value)
      case .word(let value): writer.u32(value)
      case .bytes(let value): writer.vector(value)
      case .list(let values): writer.list(values) { $0.vector($1) }
      }
    }

    /// Reads a field of the same kind.
    func read(_ reader: inout WireReader) throws(WireError) -> Field {
      switch self {
      case .number: .number(try reader.varint())
      case .word: .word(try reader.u32())
      case .bytes: .bytes(try reader.vector(limit: 100))
      case .list:
        .list(try reader.list(limit: 5) { (element) throws(WireError) in try element.vector(limit: 100) })
      }
    }
  }

  private func read(_ fields: [Field], from bytes: [UInt8]) throws -> [Field] {
    try WireReader.decode(bytes) { (reader) throws(WireError) in
      var values: [Field] = []
      for field in fields { values.append(try field.read(&reader)) }
      return values
    }
  }

  @Test(arguments: UInt64(0)..<300) func whatIsWrittenIsReadAndNothingElseIs(seed: UInt64) throws {
    var entropy = SeededEntropy(seed: seed)
    let fields = (0...entropy.next(below: 6)).map { _ in Field(from: &entropy) }
    var writer = WireWriter()
    for field in fields { field.write(&writer) }
    let bytes = writer.bytes
    #expect(try read(fields, from: bytes) == fields)
    for cut in 0..<bytes.count { #expect(throws: WireError.self) { try read(fields, from: Array(bytes[..<cut])) } }
    #expect(throws: WireError.trailingBytes) { try read(fields, from: bytes + [0]) }
    // An altered byte is refused or means something else, which is written as those very bytes: one value, one encoding.
    for _ in 0..<50 {
      var altered = bytes
      altered[entropy.next(below: bytes.count)] ^= UInt8(1 + entropy.next(below: 255))
      guard let values = try? read(fields, from: altered) else { continue }
      #expect(values != fields)
      var again = WireWriter()
      for value in values { value.write(&again) }
      #expect(again.bytes == altered)
    }
  }

  @Test(arguments: UInt64(0)..<200) func anyBytesAreReadWithoutHarm(seed: UInt64) {
    var entropy = SeededEntropy(seed: seed)
    for _ in 0..<20 {
      let kinds = (0..<4).map { _ in Field(from: &entropy) }
      var reader = WireReader(entropy.bytes(entropy.next(below: 60)))
      do {
        for kind in kinds {
          let before = reader.remaining
          _ = try kind.read(&reader)
          #expect(reader.remaining < before, "a field has at least one byte")
        }
      } catch {
        #expect(reader.remaining >= 0)
      }
    }
  }
}
