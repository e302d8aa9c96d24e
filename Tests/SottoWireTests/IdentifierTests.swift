import SottoCrypto
import SottoSimulation
import SottoWire
import Testing

@Suite struct IdentifierTests {
  @Test(arguments: [0, 15, 17, 32]) func idsHave16Bytes(count: Int) {
    let bytes = [UInt8](repeating: 1, count: count)
    #expect(throws: WireError.outOfRange) { try MailboxID(bytes) }
    #expect(throws: WireError.outOfRange) { try CardID(bytes) }
    #expect(throws: WireError.outOfRange) { try EnvelopeID(bytes) }
  }

  @Test(arguments: [0, 16, 31, 33]) func capabilitiesHave32Bytes(count: Int) {
    #expect(throws: WireError.outOfRange) { try Capability([UInt8](repeating: 1, count: count)) }
  }

  /// Every id is as long as `count` says and stands in paths as its hexadecimal digits. [relay.1] [relay.2] [relay.3]
  @Test func idsAreTheirHexDigits() throws {
    let bytes = [UInt8](0xf0...0xff)
    #expect(MailboxID.count == 16 && CardID.count == 16 && EnvelopeID.count == 16 && Capability.count == 32)
    let expected = "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff"
    #expect(try MailboxID(bytes).text == expected)
    #expect(try CardID(bytes).text == expected)
    #expect(try EnvelopeID(bytes).text == expected)
    #expect(try Capability(bytes + bytes).text == expected + expected)
    #expect(try MailboxID(bytes) == MailboxID(bytes))
  }

  /// H("mailbox"; key)[0..16], recomputed with Python's hashlib. [relay.1]
  @Test func aMailboxIsNamedByItsKey() throws {
    let key = try VerifyingKey([UInt8](0..<32))
    #expect(MailboxID(owner: key).text == "d9ea66ee61aa51b0dd008342e05f446f")
  }

  /// H("capability"; bytes), recomputed with Python's hashlib: what the relay stores opens nothing. [relay.4]
  @Test func theRelayStoresAHash() throws {
    let capability = try Capability([UInt8](0..<32))
    #expect(Hex.encode(capability.hash.bytes) == "6c3cbb4ab20c8a2bb9795f8bb24f483380ae9794e1ae16aee165084ec2584299")
  }

  @Test func envelopeIdsAreDrawn() {
    var entropy = SeededEntropy(seed: 1)
    let ids = (0..<100).map { _ in EnvelopeID(from: &entropy) }
    #expect(Set(ids).count == 100)
  }

  /// [relay.5]
  @Test func capabilityClassesHaveFixedNumbers() {
    #expect(CapabilityClass.allCases.map(\.rawValue) == [1, 2, 3])
    #expect(CapabilityClass(rawValue: 0) == nil && CapabilityClass(rawValue: 4) == nil)
  }
}

/// [envelope.1]
@Suite struct SizeClassTests {
  @Test func thereAreEightAndEachDoubles() {
    #expect(SizeClass.allCases.map(\.rawValue) == (0...7).map { 512 << $0 })
    #expect(SizeClass.allCases == SizeClass.allCases.sorted())
    for size in [0, 1, 511, 513, 1_023, 65_535, 131_072] { #expect(SizeClass(rawValue: size) == nil) }
  }

  @Test func theSmallestThatHoldsIsChosen() {
    #expect(SizeClass(holding: 0) == .b512)
    for size in SizeClass.allCases {
      #expect(SizeClass(holding: size.rawValue) == size)
      #expect(SizeClass(holding: size.rawValue - 1) == size)
      #expect(SizeClass(holding: size.rawValue + 1) == SizeClass(rawValue: size.rawValue * 2))
    }
    #expect(SizeClass(holding: 65_537) == nil)
  }
}
