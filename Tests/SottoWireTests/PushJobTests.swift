import SottoCrypto
import SottoWire
import Testing

/// [push.3]
@Suite struct PushJobTests {
  @Test func oneEncoding() throws {
    let handle = PushHandle(number: 0x0001_0203_0405_0607_0809_0a0b_0c0d_0e0f)
    let job = PushJob(handle: handle, sealed: [9])
    #expect(Hex.encode(job.encoded) == "01000102030405060708090a0b0c0d0e0f0109")
    #expect(try PushJob(decoding: job.encoded) == job)
    #expect(handle.bytes == Array(0..<16))
  }

  /// [push.9]
  @Test func theEndOfASubscription() throws {
    let end = PushEnd(handle: PushHandle(number: 0x0001_0203_0405_0607_0809_0a0b_0c0d_0e0f))
    #expect(Hex.encode(end.encoded) == "01000102030405060708090a0b0c0d0e0f")
    #expect(try PushEnd(decoding: end.encoded) == end)
    for count in 0..<17 {
      #expect(throws: WireError.self) { try PushEnd(decoding: Array(end.encoded[..<count])) }
    }
    #expect(throws: WireError.trailingBytes) { try PushEnd(decoding: end.encoded + [0]) }
    #expect(throws: WireError.invalidValue) { try PushEnd(decoding: [2] + end.handle.bytes) }
  }

  @Test func whatIsNoneIsRefused() throws {
    let job = PushJob(handle: PushHandle(number: 3), sealed: [9])
    let bytes = job.encoded
    for count in 0..<bytes.count { #expect(throws: WireError.self) { try PushJob(decoding: Array(bytes[..<count])) } }
    #expect(throws: WireError.trailingBytes) { try PushJob(decoding: bytes + [0]) }
    #expect(throws: WireError.invalidValue) { try PushJob(decoding: [2] + bytes.dropFirst()) }
    let empty = PushJob(handle: job.handle, sealed: [])
    #expect(throws: WireError.self) { try PushJob(decoding: empty.encoded) }
    let longest = PushJob(handle: job.handle, sealed: [UInt8](repeating: 1, count: 2_048))
    #expect(try PushJob(decoding: longest.encoded) == longest)
    let longer = PushJob(handle: job.handle, sealed: [UInt8](repeating: 1, count: 2_049))
    #expect(throws: WireError.outOfRange) { try PushJob(decoding: longer.encoded) }
  }
}
